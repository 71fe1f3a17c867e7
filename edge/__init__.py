"""A daemon that counts the emotions in a room and publishes numbers only, over MQTT."""

__version__ = "0.3.0"
