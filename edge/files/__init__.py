"""How files that a person named are read, and what a failing disk means."""
