-- Run once by an administrator: psql -f district.sql. Who records may write, who reads may read, nobody else may connect.

CREATE ROLE edge_recorder LOGIN;
CREATE ROLE edge_reader LOGIN;
CREATE DATABASE edge OWNER edge_recorder;
REVOKE ALL ON DATABASE edge FROM PUBLIC;
GRANT CONNECT ON DATABASE edge TO edge_reader;
\connect edge
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA edge AUTHORIZATION edge_recorder;
GRANT USAGE ON SCHEMA edge TO edge_reader;
-- To compile such queries takes longer than to run them.
ALTER ROLE edge_reader IN DATABASE edge SET jit = off;
-- The tables come with the first start of edge record, and a month's with the month before.
ALTER DEFAULT PRIVILEGES FOR ROLE edge_recorder IN SCHEMA edge GRANT SELECT ON TABLES TO edge_reader;
