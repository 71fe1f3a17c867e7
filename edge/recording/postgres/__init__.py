"""Windows of many schools in a PostgreSQL database (psycopg 3, the extra `district`)."""
