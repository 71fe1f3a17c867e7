"""The connection to a broker, and everything that is particular to MQTT."""
