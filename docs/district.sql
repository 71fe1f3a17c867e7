-- Run by an administrator: psql -f district.sql. Who records may write, who reads may read, nobody else may connect.
-- Run it again with a new version of edge, and after another login was let in.
\set ON_ERROR_STOP on
-- All names here are PostgreSQL's own, whatever somebody else has made under the same ones.
SET search_path = pg_catalog, pg_temp;

-- A login for each who asks: a role may change its own settings and its password, for all who use it. The limits are half of
-- PostgreSQL's 100 connections together: readers do not keep recorders out. A login that was made without gets 5, below.
SELECT format('CREATE ROLE %s %s', name, options) FROM (VALUES
    ('edge_recorder', 'LOGIN'),                     -- edge record, edge delete
    ('edge_read_all', 'NOLOGIN'),                   -- what its members may: read everything
    ('edge_reader', 'LOGIN CONNECTION LIMIT 30'),   -- edge dashboard, edge report, edge export
    ('edge_grafana', 'LOGIN CONNECTION LIMIT 20')   -- Grafana, which hands on what its viewers ask in SQL
) AS wanted (name, options) WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
GRANT edge_read_all TO edge_reader, edge_grafana;
-- UTF8 whatever the cluster has: rooms, reasons and labels may have any letters.
SELECT $$CREATE DATABASE edge ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0$$
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'edge')
\gexec
-- The recorder's password lies in every school, and a superuser runs nothing in what belongs to it. It owned the database once: that
-- and its settings are taken back before anything runs in there. In one step: a recorder that connects meanwhile finds its rights.
BEGIN;
ALTER DATABASE edge OWNER TO CURRENT_USER;
REVOKE ALL ON DATABASE edge FROM PUBLIC;
GRANT CONNECT ON DATABASE edge TO edge_read_all;
GRANT CONNECT, TEMPORARY ON DATABASE edge TO edge_recorder;
COMMIT;
ALTER DATABASE edge RESET ALL;
-- Also for an administrator who types.
ALTER DATABASE edge SET search_path = pg_catalog, pg_temp;
-- To compile such queries takes longer than to run them.
ALTER DATABASE edge SET jit = off;
\connect edge
SET search_path = pg_catalog, pg_temp;
CREATE SCHEMA IF NOT EXISTS edge AUTHORIZATION edge_recorder;
CREATE SCHEMA IF NOT EXISTS edge_private AUTHORIZATION edge_recorder;
GRANT USAGE ON SCHEMA edge TO edge_read_all;
-- The tables come with the first start of edge record, and a month's with the month before.
GRANT SELECT ON ALL TABLES IN SCHEMA edge TO edge_read_all;
ALTER DEFAULT PRIVILEGES FOR ROLE edge_recorder IN SCHEMA edge GRANT SELECT ON TABLES TO edge_read_all;
-- Every role may change its own settings and password, of any length, faster than former ones are cleared away. Where a reader fills
-- the disk with them, edge record asks for this. Locked first: or whoever changes its password all the time would be in the way.
-- Made anew, where the recorder makes nothing: one that is replaced still belongs to whoever made it.
DROP FUNCTION IF EXISTS edge.shut_out(name) CASCADE;
DROP SCHEMA IF EXISTS edge_admin CASCADE;
CREATE SCHEMA edge_admin;
GRANT USAGE ON SCHEMA edge_admin TO edge_recorder;
CREATE FUNCTION edge_admin.shut_out(login name) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM FROM pg_authid WHERE rolname = login
        AND pg_has_role('edge_recorder', oid, 'MEMBER') AND NOT pg_has_role(oid, 'edge_recorder', 'MEMBER') FOR UPDATE;
    IF FOUND THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN', login);
    END IF;
    RETURN FOUND;
END
$$;
REVOKE EXECUTE ON FUNCTION edge_admin.shut_out FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edge_admin.shut_out TO edge_recorder;
-- Default privileges are the one thing in this database that every role may write without end, and a dump would have them.
CREATE FUNCTION edge_admin.keep_default_privileges() RETURNS event_trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(session_user, 'edge_recorder', 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = 'who only reads has no default privileges';
    END IF;
END
$$;
CREATE EVENT TRIGGER edge_default_privileges ON ddl_command_start WHEN TAG IN ('ALTER DEFAULT PRIVILEGES')
EXECUTE FUNCTION edge_admin.keep_default_privileges();
-- What PostgreSQL lets everybody use: large objects, the log of transactions, their numbers, exported snapshots, notifications and
-- what programs in the database say fill the disk; by advisory locks recorders share sessions.
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO edge_recorder;
DO $$
DECLARE
    found regprocedure;
    login name;
    most int;
    readers int := 0;
    all_places int := current_setting('max_connections');
BEGIN
    FOR found IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND (proname ~ '^(lo_|pg_advisory_|pg_try_advisory_)' OR proname IN ('loread', 'lowrite', 'pg_logical_emit_message',
            'pg_notify', 'pg_export_snapshot', 'pg_current_xact_id', 'txid_current')) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO edge_recorder', found);
    END LOOP;
    -- These an administrator alone can set. Temporary files: of each process of the server. Errors go to whoever made them, not into
    -- the server's log: also not those that end the connection, which everybody can do to their own, with a statement of any length.
    FOR login IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper
        AND NOT pg_has_role(oid, 'edge_recorder', 'MEMBER') AND has_database_privilege(oid, 'edge', 'CONNECT') LOOP
        EXECUTE format('ALTER ROLE %I IN DATABASE edge SET temp_file_limit = ''200MB''', login);
        EXECUTE format('ALTER ROLE %I IN DATABASE edge SET log_min_messages = panic', login);
        EXECUTE format('ALTER ROLE %I IN DATABASE edge SET log_min_error_statement = panic', login);
        -- Whoever only reads, however little, takes all places of the server otherwise, and recorders find none.
        SELECT rolconnlimit INTO most FROM pg_roles WHERE rolname = login;
        IF most = -1 THEN
            most := CASE login WHEN 'edge_reader' THEN 30 WHEN 'edge_grafana' THEN 20 ELSE 5 END;
            EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', login, most);
            RAISE NOTICE '% had no connection limit, and has % now. Another: ALTER ROLE % CONNECTION LIMIT ...',
                login, most, quote_ident(login);
        END IF;
        readers := readers + most;
        -- So that edge record may end a reader's transaction of minutes, which keeps tables from being cleared.
        IF pg_has_role(login, 'edge_read_all', 'MEMBER') THEN
            EXECUTE format('GRANT %I TO edge_recorder', login);
        END IF;
    END LOOP;
    IF readers > 0.75 * all_places THEN
        RAISE NOTICE 'All who read may take % of % connections together: raise max_connections, or lower their limits.',
            readers, all_places;
    END IF;
END
$$;
-- Nothing of edge is in there. Where this is refused, somebody has made something: docs/district.md says what to do.
DROP SCHEMA IF EXISTS public;
