-- Additive: programs that do not know it can go on.

-- What was deleted on request never came, and is not missing. `edge.missing_windows` is that of 0010_bounded_sums.sql but for that.

-- How many windows of so many seconds may have been deleted of a time on request: at both edges of each, one that begins
-- before it goes too.
CREATE OR REPLACE FUNCTION edge.deleted_windows(
    device text, school integer, since timestamptz, until timestamptz, seconds double precision
) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT least(coalesce(sum(ceil(extract(epoch FROM upper(d) - lower(d))::float8 / greatest(seconds, 0.001)) + 1), 0), 1e15)::bigint
    FROM unnest((
        SELECT range_agg(tstzrange(greatest(coalesce(o.start, since), since), least(coalesce(o."end", o.asked), until)))
        FROM edge.deletions o
        WHERE o.school = deleted_windows.school AND (o.device IS NULL OR o.device = deleted_windows.device)
        AND coalesce(o.start, since) < until AND coalesce(o."end", o.asked) > since
        AND coalesce(o.start, since) < coalesce(o."end", o.asked) AND since < until
    )) AS spans (d)
$$;

CREATE OR REPLACE FUNCTION edge.missing_windows(school text, since timestamptz, until timestamptz)
RETURNS TABLE (device_name text, epoch text, first bigint, last bigint, before timestamptz)
LANGUAGE sql STABLE AS $$
    WITH rooms AS MATERIALIZED (
        SELECT d.id, d.name, d.school FROM edge.devices d JOIN edge.schools s ON s.id = d.school
        WHERE s.name = missing_windows.school
    ), rows AS (
        SELECT m.id, r.start, r.runs FROM rooms m JOIN edge.rollups r ON r.device = m.id
            AND r.start >= since AND r.start < until
        UNION ALL
        SELECT m.id, r.start, r.runs FROM rooms m CROSS JOIN LATERAL (
            SELECT start, runs FROM edge.rollups WHERE device = m.id AND start < since
            ORDER BY start DESC FETCH FIRST 1 ROWS WITH TIES) r
    ), numbers AS (
        SELECT r.id, n.run ->> 2 AS epoch, edge.bounded(n.run -> 3, 1e9)::bigint AS first,
            edge.bounded(n.run -> 4, 1e9)::bigint AS last,
            r.start, r.start + edge.bounded(n.run -> 0, 1e9)::bigint * interval '1 millisecond' AS before,
            r.start + edge.bounded(n.run -> 1, 1e9)::bigint * interval '1 millisecond' AS ends,
            least(edge.bounded(n.run -> 5, 1e9), edge.bounded(n.run -> 6, 1e9))::float8 / 1000 AS seconds
        FROM rows r CROSS JOIN LATERAL jsonb_array_elements(
            -- No run has an escaped letter: PostgreSQL does not take each of those.
            CASE WHEN strpos(r.runs, '\') = 0 THEN r.runs ELSE '[]' END::jsonb
        ) AS n (run)
    ), known AS (
        SELECT n.*, max(n.last) OVER preceding AS previous, max(n.ends) OVER preceding AS since,
            least(n.seconds, lag(n.seconds) OVER (PARTITION BY n.id, n.epoch ORDER BY n.first)) AS usual
        FROM numbers n
        WINDOW preceding AS (PARTITION BY n.id, n.epoch ORDER BY n.first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), skipped AS (
        SELECT m.name, k.epoch, k.previous + 1 + edge.deleted_windows(m.name, m.school, k.since, k.before, k.usual) AS first,
            k.first - 1 AS last, k.before
        FROM known k JOIN rooms m USING (id) WHERE k.first > k.previous + 1 AND k.start >= missing_windows.since
    )
    SELECT k.name, k.epoch, k.first, k.last, k.before FROM skipped k WHERE k.first <= k.last
    ORDER BY k.name COLLATE "C", k.epoch, k.first
$$;
