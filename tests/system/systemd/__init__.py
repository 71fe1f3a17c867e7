"""The service in a booted systemd: check.sh starts it."""
