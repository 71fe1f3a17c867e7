"""What the rooms publish, for teachers."""
