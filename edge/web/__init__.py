"""Pages for people, and the server that they share."""
