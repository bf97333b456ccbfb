-- A table of your own, with the columns as Treeline names them.
-- required: identifier
-- optional: source_id
SELECT * FROM input
