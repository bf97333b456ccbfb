-- Pairs of locations that a sequence has images of, NULL for those without one. Only a sequence whose images have
-- locations of their own can have several.
CREATE OR REPLACE TEMP TABLE met AS
WITH places AS (
    SELECT DISTINCT sequence, regexp_replace(dataset, '_private$', '') AS family, location
    FROM facts_without_boxes
    SEMI JOIN (SELECT sequence FROM images WHERE properties ->> 'location' IS NOT NULL) USING (sequence)
)
SELECT DISTINCT family, one, location AS other
FROM (SELECT family, first_value(location) OVER (PARTITION BY sequence ORDER BY location) AS one, location FROM places)
WHERE one IS DISTINCT FROM location;
