"""The check against a real Home Assistant; not part of the quick test run."""
