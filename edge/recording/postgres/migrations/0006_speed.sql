-- What makes a year of thousands of rooms as quick as a day of one school.

-- Across rooms by time: a day of a district. Windows come nearly in order of time, so that a few bytes for each 128 pages
-- say what they hold; roll-ups move when they change, but thousands of them have the same time, and share an entry.
CREATE INDEX windows_by_time ON edge.windows USING brin (start) WITH (autosummarize = on);
CREATE INDEX rollups_by_time ON edge.rollups (start);
CREATE INDEX daily_rollups_by_time ON edge.daily_rollups (day);

-- Rows that change with every window of their room find room for the next version in their own page, so that no index
-- has to be told, and dead versions are cleared away in passing.
ALTER TABLE edge.devices SET (fillfactor = 40);
ALTER TABLE edge.rollups SET (fillfactor = 50);
