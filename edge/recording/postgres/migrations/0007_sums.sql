-- Additive: programs that do not know it can go on.

-- Sums of millionths without an end: a room may send a window with any number of frames and faces, and the sum of all rooms
-- must not become an error by it. And a made-up roll-up, as a file that was copied may have had, ends no question about other
-- rooms: whatever its numbers are, a million of such rows can be added up. Types and views are those of 0005_levels.sql but for that.

DROP FUNCTION edge.lesson_emotions, edge.lesson;
DROP VIEW edge.day_emotions, edge.days, edge.day_parts, edge.five_minute_emotions, edge.five_minutes, edge.window_sums;
DROP FUNCTION edge.read_emotions, edge.read_sums;
DROP TYPE edge.emotion_sums, edge.sums;

CREATE TYPE edge.sums AS (
    windows bigint,
    figures_withheld bigint,
    emotions_withheld bigint,
    recorded_ms bigint,
    frames bigint,
    faces_millionths numeric,
    faces_min bigint,
    faces_max bigint,
    facing_front bigint,
    facing_away bigint,
    facing_unknown bigint,
    named bigint,
    estimate_weight bigint
);

CREATE TYPE edge.emotion_sums AS (
    emotion text,
    count bigint,
    share_weighted numeric,
    low_weighted numeric,
    high_weighted numeric
);

-- A day of windows, each with a thousand million faces, has less than 1e13 of anything; 1e19 are millionths of that.
CREATE FUNCTION edge.bounded(number jsonb, most numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(number) = 'number' THEN least(greatest(trunc(number::numeric), 0), most) END
$$;

-- What is no object has no parts.
CREATE FUNCTION edge.as_object(object jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(object) = 'object' THEN object ELSE '{}' END
$$;

CREATE FUNCTION edge.read_sums(sums jsonb) RETURNS SETOF edge.sums LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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

CREATE FUNCTION edge.read_emotions(sums jsonb) RETURNS SETOF edge.emotion_sums
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT key, edge.bounded(value, 1e13)::bigint, edge.bounded(sums -> 'estimate' -> key -> 0, 1e19),
        edge.bounded(sums -> 'estimate' -> key -> 1, 1e19), edge.bounded(sums -> 'estimate' -> key -> 2, 1e19)
    FROM jsonb_each(edge.as_object(sums -> 'counts'))
$$;

-- What a single window adds to each of them.
CREATE VIEW edge.window_sums AS
    SELECT w.device, w.start, w.series, 1::bigint AS windows,
        (w.withheld IS NOT NULL AND w.withheld = 'figures')::int::bigint AS figures_withheld,
        (w.withheld IS NOT NULL AND w.withheld <> 'figures')::int::bigint AS emotions_withheld,
        (extract(epoch FROM w."end" - w.start) * 1000)::bigint AS recorded_ms,
        CASE WHEN w.faces_mean IS NOT NULL THEN w.frames::bigint END AS frames,
        w.frames::numeric * round(w.faces_mean * 1e6)::numeric AS faces_millionths,
        CASE WHEN w.faces_mean IS NOT NULL THEN w.faces_min::bigint END AS faces_min,
        CASE WHEN w.faces_mean IS NOT NULL THEN w.faces_max::bigint END AS faces_max,
        w.facing_front::bigint, w.facing_away::bigint, w.facing_unknown::bigint,
        n.named, CASE WHEN w.estimate IS NOT NULL THEN n.named END AS estimate_weight,
        w.counts, w.estimate
    FROM edge.windows w CROSS JOIN LATERAL (
        SELECT sum(value::bigint) FILTER (WHERE key <> 'unknown')::bigint AS named FROM jsonb_each_text(w.counts)
    ) n;

CREATE VIEW edge.five_minutes AS
    SELECT s.name AS school, d.name AS device_name, r.start, e.mode, e.model_faces, e.model_emotions, e.model_pose, f.*
    FROM edge.rollups r
    JOIN edge.devices d ON d.id = r.device
    JOIN edge.schools s ON s.id = d.school
    JOIN edge.series e ON e.id = r.series
    CROSS JOIN LATERAL edge.read_sums(r.sums) f;

CREATE VIEW edge.five_minute_emotions AS
    SELECT s.name AS school, d.name AS device_name, r.start, e.mode, e.model_faces, e.model_emotions, e.model_pose,
        edge.bounded(r.sums -> 'named', 1e13)::bigint AS named,
        edge.bounded(r.sums -> 'weight', 1e13)::bigint AS estimate_weight, f.*
    FROM edge.rollups r
    JOIN edge.devices d ON d.id = r.device
    JOIN edge.schools s ON s.id = d.school
    JOIN edge.series e ON e.id = r.series
    CROSS JOIN LATERAL edge.read_emotions(r.sums) f;

-- A day that is over once, and one that is not, or that has changed, as its five minutes: added up they are the day.
CREATE VIEW edge.day_parts AS
    SELECT device, day, series, sums FROM edge.daily_rollups
    UNION ALL
    SELECT r.device, c.day, r.series, r.sums FROM edge.changed_days c JOIN edge.rollups r ON r.device = c.device
        AND r.start >= c.day::timestamp AT TIME ZONE 'UTC' AND r.start < (c.day + 1)::timestamp AT TIME ZONE 'UTC';

CREATE VIEW edge.days AS
    SELECT s.name AS school, d.name AS device_name, p.day, e.mode, e.model_faces, e.model_emotions, e.model_pose,
        sum(f.windows)::bigint AS windows, sum(f.figures_withheld)::bigint AS figures_withheld,
        sum(f.emotions_withheld)::bigint AS emotions_withheld, sum(f.recorded_ms)::bigint AS recorded_ms,
        sum(f.frames)::bigint AS frames, sum(f.faces_millionths) AS faces_millionths,
        min(f.faces_min) AS faces_min, max(f.faces_max) AS faces_max, sum(f.facing_front)::bigint AS facing_front,
        sum(f.facing_away)::bigint AS facing_away, sum(f.facing_unknown)::bigint AS facing_unknown,
        sum(f.named)::bigint AS named, sum(f.estimate_weight)::bigint AS estimate_weight
    FROM edge.day_parts p
    JOIN edge.devices d ON d.id = p.device
    JOIN edge.schools s ON s.id = d.school
    JOIN edge.series e ON e.id = p.series
    CROSS JOIN LATERAL edge.read_sums(p.sums) f
    GROUP BY s.name, d.name, p.day, e.id;

CREATE VIEW edge.day_emotions AS
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

-- Any period, as a whole or cut into parts of some width; of one room or of all (null). Where windows were not kept, the
-- five minutes that lie in one part altogether stand for them.
CREATE FUNCTION edge.lesson(
    school text, device text, since timestamptz, until timestamptz, width interval DEFAULT NULL
) RETURNS SETOF edge.five_minutes LANGUAGE sql STABLE AS $$
    WITH rooms AS MATERIALIZED (
        SELECT d.id, d.name FROM edge.devices d JOIN edge.schools s ON s.id = d.school
        WHERE s.name = lesson.school AND (lesson.device IS NULL OR d.name = lesson.device)
    ), parts AS (
        SELECT m.name, CASE WHEN width IS NULL THEN since ELSE date_bin(width, w.start, since) END AS start, w.series,
            w.windows, w.figures_withheld, w.emotions_withheld, w.recorded_ms, w.frames, w.faces_millionths,
            w.faces_min, w.faces_max, w.facing_front, w.facing_away, w.facing_unknown, w.named, w.estimate_weight
        FROM rooms m JOIN edge.window_sums w ON w.device = m.id AND w.start >= since AND w.start < until
        UNION ALL
        SELECT m.name, CASE WHEN width IS NULL THEN since ELSE date_bin(width, r.start, since) END, r.series, f.*
        FROM rooms m JOIN edge.rollups r ON r.device = m.id AND r.start >= since AND r.start < until
        CROSS JOIN LATERAL edge.read_sums(r.sums) f
        WHERE r.start + interval '5 minutes' <= until
        AND (width IS NULL
            OR date_bin(width, r.start + interval '5 minutes' - interval '1 millisecond', since)
                = date_bin(width, r.start, since))
        AND NOT EXISTS (SELECT 1 FROM edge.windows w WHERE w.device = r.device AND w.start >= r.start
            AND w.start < r.start + interval '5 minutes')
    )
    SELECT lesson.school, p.name, p.start, e.mode, e.model_faces, e.model_emotions, e.model_pose,
        sum(p.windows)::bigint, sum(p.figures_withheld)::bigint, sum(p.emotions_withheld)::bigint,
        sum(p.recorded_ms)::bigint, sum(p.frames)::bigint, sum(p.faces_millionths), min(p.faces_min),
        max(p.faces_max), sum(p.facing_front)::bigint, sum(p.facing_away)::bigint, sum(p.facing_unknown)::bigint,
        sum(p.named)::bigint, sum(p.estimate_weight)::bigint
    FROM parts p JOIN edge.series e ON e.id = p.series GROUP BY p.name, p.start, e.id
$$;

CREATE FUNCTION edge.lesson_emotions(
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
