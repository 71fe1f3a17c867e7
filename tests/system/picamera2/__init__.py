"""The check against the real picamera2; not part of the quick test run."""
