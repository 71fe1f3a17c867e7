"""Every window once in a file: a kept session, the recorder, the database, its reader."""
