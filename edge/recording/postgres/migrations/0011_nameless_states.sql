-- Additive: programs that do not know it can go on.

-- Who paused a room is told while that lasts, and kept by nobody: versions up to 0.2 recorded it. What they have recorded is changed
-- here, once, and what one of them may still record while it comes: a recorder need not read all states at each start, of which one
-- room can make up as many as it likes. As `edge.contract.causes.without_names`.
CREATE OR REPLACE FUNCTION edge_private.forget_name() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said text[] := regexp_match(NEW.reason, '^(.*?)\m(paused|resumed) by (.*)$');
    known text;
    nameless text;
BEGIN
    IF said IS NULL THEN
        RETURN NEW;
    END IF;
    known := substring(said[3] FROM '^((?:the schedule(?: until (?:[A-Z][a-z]{2} )?[0-9]{2}:[0-9]{2})?|the button in the room'
        '|a person at the device|somebody over MQTT|a person who confirmed the masks|the configuration before|somebody))(?:;|$)');
    nameless := said[1] || said[2] || ' by ' || CASE
        WHEN known IS NOT NULL THEN known
        WHEN starts_with(said[3], 'somebody (') THEN 'somebody'
        WHEN said[3] ~ ', over MQTT(?:;|$)' THEN 'somebody over MQTT'
        ELSE 'a person at the device'
    END;
    -- One statement may bring the same twice, which it could not update twice.
    IF EXISTS (SELECT 1 FROM edge.states WHERE (device, since, mode, reason) = (NEW.device, NEW.since, NEW.mode, nameless)) THEN
        RETURN NULL;
    END IF;
    NEW.reason := nameless;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER states_name_nobody BEFORE INSERT ON edge.states FOR EACH ROW
WHEN (NEW.reason ~ '(paused|resumed) by ') EXECUTE FUNCTION edge_private.forget_name();

WITH gone AS (
    DELETE FROM edge.states WHERE reason ~ '(paused|resumed) by ' RETURNING device, since, mode, reason, received
) INSERT INTO edge.states (device, since, mode, reason, received) SELECT * FROM gone ON CONFLICT DO NOTHING;
