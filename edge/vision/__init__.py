"""What is in a frame: faces, who is the same as a moment ago, and what their faces say."""
