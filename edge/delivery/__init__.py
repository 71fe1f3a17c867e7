"""How a window arrives once, whatever happens: the outbox, and the publisher that empties it."""
