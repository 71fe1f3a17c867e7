-- Additive: programs that do not know it can go on.

-- A made-up roll-up, as a file that was copied may have had, ends no question about other rooms: whatever its numbers are, a
-- million of such rows can be added up. Views and functions are those of 0005_levels.sql and 0007_endless_sums.sql but for that.

-- A day of windows, each with a thousand million faces, has less than 1e13 of anything; 1e19 are millionths of that.
CREATE OR REPLACE FUNCTION edge.bounded(number jsonb, most numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(number) = 'number' THEN least(greatest(trunc(number::numeric), 0), most) END
$$;

-- What is no object has no parts.
CREATE OR REPLACE FUNCTION edge.as_object(object jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(object) = 'object' THEN object ELSE '{}' END
$$;

CREATE OR REPLACE FUNCTION edge.read_sums(sums jsonb) RETURNS SETOF edge.sums LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT edge.bounded(sums -> 'windows', 1e13)::bigint,
        least(coalesce((SELECT sum(edge.bounded(value, 1e13)) FROM jsonb_each(edge.as_object(sums -> 'withheld'))
            WHERE starts_with(key, 'figures ')), 0), 1e13)::bigint,
        least(coalesce((SELECT sum(edge.bounded(value, 1e13)) FROM jsonb_each(edge.as_object(sums -> 'withheld'))
            WHERE NOT starts_with(key, 'figures ')), 0), 1e13)::bigint,
        coalesce(edge.bounded(sums -> 'recorded', 1e13), 0)::bigint,
        edge.bounded(sums -> 'frames', 1e13)::bigint, edge.bounded(sums -> 'faces', 1e19),
        edge.bounded(sums -> 'least', 1e13)::bigint, edge.bounded(sums -> 'most', 1e13)::bigint,
        edge.bounded(sums -> 'facing' -> 0, 1e13)::bigint, edge.bounded(sums -> 'facing' -> 1, 1e13)::bigint,
        edge.bounded(sums -> 'facing' -> 2, 1e13)::bigint,
        edge.bounded(sums -> 'named', 1e13)::bigint, edge.bounded(sums -> 'weight', 1e13)::bigint
$$;

CREATE OR REPLACE FUNCTION edge.read_emotions(sums jsonb) RETURNS SETOF edge.emotion_sums
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT key, edge.bounded(value, 1e13)::bigint, edge.bounded(sums -> 'estimate' -> key -> 0, 1e19),
        edge.bounded(sums -> 'estimate' -> key -> 1, 1e19), edge.bounded(sums -> 'estimate' -> key -> 2, 1e19)
    FROM jsonb_each(edge.as_object(sums -> 'counts'))
$$;

CREATE OR REPLACE VIEW edge.five_minute_emotions AS
    SELECT s.name AS school, d.name AS device_name, r.start, e.mode, e.model_faces, e.model_emotions, e.model_pose,
        edge.bounded(r.sums -> 'named', 1e13)::bigint AS named,
        edge.bounded(r.sums -> 'weight', 1e13)::bigint AS estimate_weight, f.*
    FROM edge.rollups r
    JOIN edge.devices d ON d.id = r.device
    JOIN edge.schools s ON s.id = d.school
    JOIN edge.series e ON e.id = r.series
    CROSS JOIN LATERAL edge.read_emotions(r.sums) f;

CREATE OR REPLACE VIEW edge.day_emotions AS
    SELECT s.name AS school, d.name AS device_name, p.day, e.mode, e.model_faces, e.model_emotions, e.model_pose,
        sum(edge.bounded(p.sums -> 'named', 1e13))::bigint AS named,
        sum(edge.bounded(p.sums -> 'weight', 1e13))::bigint AS estimate_weight,
        f.emotion, sum(f.count)::bigint AS count, sum(f.share_weighted) AS share_weighted,
        sum(f.low_weighted) AS low_weighted, sum(f.high_weighted) AS high_weighted
    FROM edge.day_parts p
    JOIN edge.devices d ON d.id = p.device
    JOIN edge.schools s ON s.id = d.school
    JOIN edge.series e ON e.id = p.series
    CROSS JOIN LATERAL edge.read_emotions(p.sums) f
    GROUP BY s.name, d.name, p.day, e.id, f.emotion;

CREATE OR REPLACE FUNCTION edge.lesson_emotions(
    school text, device text, since timestamptz, until timestamptz, width interval DEFAULT NULL
) RETURNS SETOF edge.five_minute_emotions LANGUAGE sql STABLE AS $$
    WITH rooms AS MATERIALIZED (
        SELECT d.id, d.name FROM edge.devices d JOIN edge.schools s ON s.id = d.school
        WHERE s.name = lesson_emotions.school AND (lesson_emotions.device IS NULL OR d.name = lesson_emotions.device)
    ), parts AS (
        SELECT m.name, CASE WHEN width IS NULL THEN since ELSE date_bin(width, w.start, since) END AS start, w.series,
            w.named, w.estimate_weight, c.key AS emotion, c.value::bigint AS count,
            w.named::numeric * round((w.estimate -> c.key ->> 'share')::float8 * 1e6)::numeric AS share_weighted,
            w.named::numeric * round(coalesce((w.estimate -> c.key ->> 'low')::float8, 0) * 1e6)::numeric AS low_weighted,
            w.named::numeric * round(coalesce((w.estimate -> c.key ->> 'high')::float8, 0) * 1e6)::numeric AS high_weighted
        FROM rooms m JOIN edge.window_sums w ON w.device = m.id AND w.start >= since AND w.start < until
        CROSS JOIN LATERAL jsonb_each_text(w.counts) c
        UNION ALL
        SELECT m.name, CASE WHEN width IS NULL THEN since ELSE date_bin(width, r.start, since) END, r.series,
            edge.bounded(r.sums -> 'named', 1e13)::bigint, edge.bounded(r.sums -> 'weight', 1e13)::bigint, f.*
        FROM rooms m JOIN edge.rollups r ON r.device = m.id AND r.start >= since AND r.start < until
        CROSS JOIN LATERAL edge.read_emotions(r.sums) f
        WHERE r.start + interval '5 minutes' <= until
        AND (width IS NULL
            OR date_bin(width, r.start + interval '5 minutes' - interval '1 millisecond', since)
                = date_bin(width, r.start, since))
        AND NOT EXISTS (SELECT 1 FROM edge.windows w WHERE w.device = r.device AND w.start >= r.start
            AND w.start < r.start + interval '5 minutes')
    )
    SELECT lesson_emotions.school, p.name, p.start, e.mode, e.model_faces, e.model_emotions, e.model_pose,
        sum(p.named)::bigint, sum(p.estimate_weight)::bigint, p.emotion, sum(p.count)::bigint,
        sum(p.share_weighted), sum(p.low_weighted), sum(p.high_weighted)
    FROM parts p JOIN edge.series e ON e.id = p.series GROUP BY p.name, p.start, e.id, p.emotion
$$;

CREATE OR REPLACE FUNCTION edge.missing_windows(school text, since timestamptz, until timestamptz)
RETURNS TABLE (device_name text, epoch text, first bigint, last bigint, before timestamptz)
LANGUAGE sql STABLE AS $$
    WITH rooms AS MATERIALIZED (
        SELECT d.id, d.name FROM edge.devices d JOIN edge.schools s ON s.id = d.school
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
            r.start, r.start + edge.bounded(n.run -> 0, 1e9)::bigint * interval '1 millisecond' AS before
        FROM rows r CROSS JOIN LATERAL jsonb_array_elements(
            -- No run has an escaped letter: PostgreSQL does not take each of those.
            CASE WHEN strpos(r.runs, '\') = 0 THEN r.runs ELSE '[]' END::jsonb
        ) AS n (run)
    ), known AS (
        SELECT n.*, max(n.last) OVER (PARTITION BY n.id, n.epoch ORDER BY n.first
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS previous
        FROM numbers n
    )
    SELECT m.name, k.epoch, k.previous + 1, k.first - 1, k.before FROM known k JOIN rooms m USING (id)
    WHERE k.first > k.previous + 1 AND k.start >= since
    ORDER BY m.name COLLATE "C", k.epoch, k.first
$$;
