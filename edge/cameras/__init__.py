"""Where frames come from: one file per kind of camera, and what keeps one open."""
