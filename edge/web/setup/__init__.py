"""A page that sets a device up: what the camera sees, and every key that an installer chooses."""
