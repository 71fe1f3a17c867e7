"""What travels: payloads, topics, labels, and the checks of what others sent. Needs pydantic and nothing else."""
