-- Run once by an administrator: psql -f district.sql. Who records may write, who reads may read, nobody else may connect.

CREATE ROLE edge_recorder LOGIN;
-- Half of PostgreSQL's 100 connections: readers do not keep recorders out.
CREATE ROLE edge_reader LOGIN CONNECTION LIMIT 50;
-- UTF8 whatever the cluster has: rooms, reasons and labels may have any letters.
CREATE DATABASE edge OWNER edge_recorder ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
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
-- What PostgreSQL lets everybody use: large objects, which fill the disk, and advisory locks, by which recorders share sessions.
DO $$
DECLARE
    found regprocedure;
BEGIN
    FOR found IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname ~ '^(lo_|loread$|lowrite$|pg_advisory_|pg_try_advisory_)' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO edge_recorder', found);
    END LOOP;
END
$$;
