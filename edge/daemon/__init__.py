"""What runs: the composition root and its parts."""
