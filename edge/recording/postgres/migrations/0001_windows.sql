-- What devices publish, of any number of schools. docs/district.md is the data dictionary.

CREATE TABLE edge.schools (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    prefix text NOT NULL
);

CREATE TABLE edge.devices (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    school integer NOT NULL REFERENCES edge.schools,
    name text NOT NULL,
    windows bigint NOT NULL DEFAULT 0,
    UNIQUE (school, name)
);

CREATE TABLE edge.series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode text NOT NULL,
    model_faces text NOT NULL,
    model_emotions text,
    model_pose text,
    UNIQUE NULLS NOT DISTINCT (mode, model_faces, model_emotions, model_pose)
);

-- One index serves both the uniqueness and the time of a room. Without foreign keys: the only writer makes devices and
-- series first, and never deletes them.
CREATE TABLE edge.windows (
    device integer NOT NULL,
    start timestamptz NOT NULL,
    "end" timestamptz NOT NULL,
    epoch text NOT NULL,
    seq integer NOT NULL,
    series integer NOT NULL,
    seconds double precision NOT NULL,
    received timestamptz NOT NULL,
    schema text NOT NULL,
    replayed boolean NOT NULL,
    clock_synced boolean NOT NULL,
    coverage double precision NOT NULL,
    frames integer NOT NULL,
    faces_total integer,
    faces_min integer,
    faces_max integer,
    faces_mean double precision,
    facing_front integer,
    facing_away integer,
    facing_unknown integer,
    unclassified_too_small integer,
    unclassified_away integer,
    unclassified_unclear integer,
    counts jsonb,
    estimate jsonb,
    estimate_absent text,
    withheld text,
    withheld_reason text,
    PRIMARY KEY (device, start, epoch, seq)
) PARTITION BY RANGE (start);

CREATE TABLE edge.newer_windows (
    device integer NOT NULL REFERENCES edge.devices,
    schema text NOT NULL,
    received timestamptz NOT NULL,
    payload bytea NOT NULL,
    sha256 bytea NOT NULL,
    PRIMARY KEY (device, sha256)
);

CREATE TABLE edge.states (
    device integer NOT NULL REFERENCES edge.devices,
    since timestamptz NOT NULL,
    mode text NOT NULL,
    reason text NOT NULL,
    received timestamptz NOT NULL,
    PRIMARY KEY (device, since, mode, reason)
);

CREATE TABLE edge.availability (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device integer NOT NULL REFERENCES edge.devices,
    received timestamptz NOT NULL,
    online boolean NOT NULL
);
CREATE INDEX availability_by_time ON edge.availability (device, received, id);

CREATE TABLE edge.places (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device integer NOT NULL REFERENCES edge.devices,
    after timestamptz,
    heard timestamptz NOT NULL,
    place text NOT NULL,
    masked double precision NOT NULL
);
CREATE INDEX places_by_time ON edge.places (device, heard, id);

CREATE TABLE edge.deletions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    school integer NOT NULL REFERENCES edge.schools,
    asked timestamptz NOT NULL,
    by text NOT NULL,
    device text,
    start timestamptz,
    "end" timestamptz,
    windows bigint NOT NULL,
    finished timestamptz
);

-- Not for readers: whoever knows a client id can take the session over.
CREATE TABLE edge_private.about (
    school integer NOT NULL REFERENCES edge.schools,
    key text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (school, key)
);
