"""A lesson, a day or a week of a recording, as a page, a picture or a table. Only reads."""
