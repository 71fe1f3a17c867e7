"""`edge preview`: a live picture for whoever aims the camera; the daemon imports none of it."""
