"""The drawn room: a camera that needs no hardware and knows its ground truth."""
