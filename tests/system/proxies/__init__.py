"""The dashboard behind real web servers with TLS."""
