"""`edge record` and `edge report`: windows from the broker into one SQLite file, and pictures of a lesson or a week."""
