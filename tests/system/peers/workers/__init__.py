"""One script per peer; each runs in that peer's own environment and imports nothing of ours but `loop`."""
