-- Additive: programs that do not know it can go on.

-- Which recording a school is, whatever it is called and wherever the database moves to: edge export tells by it whether a
-- folder is of this one.

ALTER TABLE edge.schools ADD COLUMN recording uuid NOT NULL DEFAULT gen_random_uuid();
