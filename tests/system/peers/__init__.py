"""Other people's programs on the same frames, on the same machine, in one run."""
