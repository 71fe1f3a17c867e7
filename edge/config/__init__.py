"""What is set: every key of `config.yaml`, how the file is read, the address of the broker."""
