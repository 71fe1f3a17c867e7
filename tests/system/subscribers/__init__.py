"""The ready-made subscribers of docs/subscribers against the real programs; not part of the quick test run."""
