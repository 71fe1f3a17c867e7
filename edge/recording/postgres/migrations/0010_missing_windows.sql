-- Additive: programs that do not know it can go on.

-- `edge.missing_windows` is that of 0005_levels.sql, but for three things. No made-up run is an error. What was deleted on request
-- never came, and is not missing; deletions are looked at once for each question, not for each gap, of which one room can make up
-- as many as it likes. And numbers are not missing that are there in the last day before the asked time, as reports have it: a board
-- without a clock of its own begins where it was when its power was cut, or up to a day before, and the windows of its first minutes
-- have the numbers that follow.

-- For this, for what recorders ask with every batch (the newest of a school), and for pages that ask which are new.
CREATE INDEX deletions_by_school ON edge.deletions (school, id);

CREATE FUNCTION edge.read_runs(since timestamptz, runs text)
RETURNS TABLE (epoch text, first bigint, last bigint, before timestamptz, ends timestamptz, seconds float8)
LANGUAGE sql IMMUTABLE AS $$
    SELECT n.run ->> 2, edge.bounded(n.run -> 3, 1e9)::bigint, edge.bounded(n.run -> 4, 1e9)::bigint,
        read_runs.since + edge.bounded(n.run -> 0, 1e9)::bigint * interval '1 millisecond',
        read_runs.since + edge.bounded(n.run -> 1, 1e9)::bigint * interval '1 millisecond',
        least(edge.bounded(n.run -> 5, 1e9), edge.bounded(n.run -> 6, 1e9))::float8 / 1000
    FROM jsonb_array_elements(
        -- No run has an escaped letter: PostgreSQL does not take each of those.
        CASE WHEN strpos(read_runs.runs, '\') = 0 THEN read_runs.runs ELSE '[]' END::jsonb
    ) AS n (run)
$$;

CREATE OR REPLACE FUNCTION edge.missing_windows(school text, since timestamptz, until timestamptz)
RETURNS TABLE (device_name text, epoch text, first bigint, last bigint, before timestamptz)
LANGUAGE sql STABLE AS $$
    WITH rooms AS MATERIALIZED (
        SELECT d.id, d.name, d.school FROM edge.devices d JOIN edge.schools s ON s.id = d.school
        WHERE s.name = missing_windows.school
    ), numbers AS MATERIALIZED (
        SELECT r.id, r.start, n.* FROM (
            SELECT m.id, r.start, r.runs FROM rooms m JOIN edge.rollups r ON r.device = m.id AND r.start >= since AND r.start < until
            UNION ALL
            SELECT m.id, r.start, r.runs FROM rooms m CROSS JOIN LATERAL (
                SELECT start, runs FROM edge.rollups WHERE device = m.id AND start < since
                ORDER BY start DESC FETCH FIRST 1 ROWS WITH TIES) r
        ) r CROSS JOIN LATERAL edge.read_runs(r.start, r.runs) n
    ), skipping AS (
        SELECT DISTINCT n.id FROM (
            SELECT id, start, first, max(last) OVER (
                PARTITION BY id, epoch ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS previous
            FROM numbers) n
        WHERE n.first > n.previous + 1 AND n.start >= missing_windows.since
    ), earlier AS (
        -- Most rooms have no gap: of them no more is read.
        SELECT s.id, r.start, n.* FROM skipping s
        CROSS JOIN LATERAL (SELECT max(start) AS newest FROM edge.rollups WHERE device = s.id AND start < since) l
        JOIN edge.rollups r ON r.device = s.id AND r.start < l.newest AND r.start >= l.newest - interval '1 day'
        CROSS JOIN LATERAL edge.read_runs(r.start, r.runs) n
    ), known AS (
        SELECT n.*, max(n.last) OVER preceding AS previous, max(n.ends) OVER preceding AS since,
            least(n.seconds, lag(n.seconds) OVER (PARTITION BY n.id, n.epoch ORDER BY n.first)) AS usual
        FROM (SELECT * FROM numbers UNION ALL SELECT * FROM earlier) n
        WINDOW preceding AS (PARTITION BY n.id, n.epoch ORDER BY n.first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), gaps AS MATERIALIZED (
        SELECT k.id, k.epoch, k.previous + 1 AS first, k.first - 1 AS last, k.since, k.before, k.usual
        FROM known k WHERE k.first > k.previous + 1 AND k.start >= missing_windows.since
    ), requests AS MATERIALIZED (
        SELECT o.device, coalesce(o.start, '-infinity') AS start,
            least(coalesce(o."end", o.asked), o.asked + interval '1 day') AS ends
        FROM edge.deletions o WHERE o.school = (SELECT s.id FROM edge.schools s WHERE s.name = missing_windows.school)
        AND coalesce(o.start, '-infinity') < (SELECT max(g.before) FROM gaps g)
        AND coalesce(o."end", o.asked) > (SELECT min(g.since) FROM gaps g)
    ), deleted AS MATERIALIZED (
        SELECT m.id, range_agg(tstzrange(r.start, r.ends)) AS spans
        FROM (SELECT g.id, min(g.since) AS since, max(g.before) AS before FROM gaps g GROUP BY g.id) m JOIN rooms USING (id)
        JOIN requests r ON (r.device IS NULL OR r.device = rooms.name)
            AND r.start < m.before AND r.ends > m.since AND r.start < r.ends
        GROUP BY m.id
    ), skipped AS (
        SELECT m.name, g.epoch, g.last, g.before, g.first + CASE WHEN g.since < g.before AND d.id IS NOT NULL THEN (
            -- How many windows of so many seconds may have been deleted: at both edges of a time, one that begins before it goes too.
            SELECT least(coalesce(sum(
                ceil(extract(epoch FROM upper(span) - lower(span))::float8 / greatest(g.usual, 0.001)) + 1
            ), 0), 1e15)::bigint
            -- Most gaps have no such time: that is found without going through all of them.
            FROM unnest(CASE WHEN d.spans && tstzrange(g.since, g.before)
                THEN d.spans * tstzmultirange(tstzrange(g.since, g.before)) END) AS spans (span)
        ) ELSE 0 END AS first
        FROM gaps g JOIN rooms m USING (id) LEFT JOIN deleted d USING (id)
    )
    SELECT k.name, k.epoch, k.first, k.last, k.before FROM skipped k WHERE k.first <= k.last
    ORDER BY k.name COLLATE "C", k.epoch, k.first
$$;
