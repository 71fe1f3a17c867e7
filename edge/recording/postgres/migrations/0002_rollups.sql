-- Five minutes of a room in a row: exact sums in whole numbers, as edge/recording/window_sums.py has them.

CREATE TABLE edge.rollups (
    device integer NOT NULL REFERENCES edge.devices,
    start timestamptz NOT NULL,
    series integer NOT NULL REFERENCES edge.series,
    changed timestamptz NOT NULL,
    sums jsonb NOT NULL,
    runs text NOT NULL,
    PRIMARY KEY (device, start, series)
);

-- Which series have roll-ups of a device: finding that out from the roll-ups would read all of them.
CREATE TABLE edge.device_series (
    device integer NOT NULL REFERENCES edge.devices,
    series integer NOT NULL REFERENCES edge.series,
    PRIMARY KEY (device, series)
);

-- Days (UTC) that are over, and those that are still to be made of their five minutes.
CREATE TABLE edge.daily_rollups (
    device integer NOT NULL REFERENCES edge.devices,
    day date NOT NULL,
    series integer NOT NULL REFERENCES edge.series,
    sums jsonb NOT NULL,
    runs text NOT NULL,
    PRIMARY KEY (device, day, series)
);
CREATE TABLE edge.changed_days (
    device integer NOT NULL REFERENCES edge.devices,
    day date NOT NULL,
    PRIMARY KEY (device, day)
);
