-- With the names in words, for dashboards and for people.

CREATE VIEW edge.named_windows AS
    SELECT s.name AS school, d.name AS device_name, w.*, e.mode, e.model_faces, e.model_emotions, e.model_pose
    FROM edge.windows w
    JOIN edge.devices d ON d.id = w.device
    JOIN edge.schools s ON s.id = d.school
    JOIN edge.series e ON e.id = w.series;

CREATE VIEW edge.emotions AS
    SELECT w.school, w.device_name, w.epoch, w.seq, w.start, w."end", c.key AS emotion, c.value::bigint AS count,
        (w.estimate -> c.key ->> 'share')::double precision AS share,
        (w.estimate -> c.key ->> 'low')::double precision AS low,
        (w.estimate -> c.key ->> 'high')::double precision AS high
    FROM edge.named_windows w CROSS JOIN LATERAL jsonb_each_text(w.counts) c;
