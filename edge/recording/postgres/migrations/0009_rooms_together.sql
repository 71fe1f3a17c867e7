-- Additive: programs that do not know it can go on.

-- Figures of several rooms together: each room is as heavy as the time that was measured in it, and no heavier than the middle
-- one. Frames and faces are no weights: a room may say that it has seen a thousand million, or that it measured day and
-- night, and is one room all the same.

CREATE FUNCTION edge.middle(numbers numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY number) FROM unnest(numbers) AS number
$$;

-- percentile_disc itself cannot be a window function: least(measured, edge.lower_median(measured) OVER (PARTITION BY day)).
CREATE AGGREGATE edge.lower_median(numeric) (
    SFUNC = array_append, STYPE = numeric[], INITCOND = '{}', FINALFUNC = edge.middle
);
