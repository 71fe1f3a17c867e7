"""What the camera sees, for the installer."""
