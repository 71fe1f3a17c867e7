"""What is in a frame: faces, who they were a moment ago, and what they show."""
