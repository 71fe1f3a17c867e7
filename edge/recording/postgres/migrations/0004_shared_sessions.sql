-- The sessions at the broker of recorders that share a school. Who holds the advisory lock of a row has that session.

CREATE TABLE edge_private.shared_sessions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    school integer NOT NULL REFERENCES edge.schools,
    share text NOT NULL,
    client_id text NOT NULL UNIQUE
);
