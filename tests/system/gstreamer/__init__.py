"""The check against a real GStreamer; not part of the quick test run."""
