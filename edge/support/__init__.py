"""What goes into a question to somebody who can help: one file, without secrets and without figures about people."""
