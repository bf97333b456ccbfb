-- Put each property on the highest level where it is correct: what all images of a sequence have alike goes to the
-- sequence, and its name into `hoisted`, so that it can be put back. `file`, `frame_num`, boxes, sizes and uuids stay,
-- and so do an image's id and annotations in COCO Camera Traps, and what would take the name of another key of a sequence.
-- A property that the source itself gives the sequence is left on both levels.

CREATE OR REPLACE TEMP TABLE new_sequences AS
WITH alike AS (
    SELECT
        dataset,
        seq_id,
        CASE WHEN count(class) = count(*) AND min(class) = max(class) THEN min(class) END AS class,
        CASE WHEN count(datetime) = count(*) AND min(datetime) = max(datetime) THEN min(datetime) END AS datetime,
        CASE WHEN count(location) = count(*) AND min(location::VARCHAR) = max(location::VARCHAR)
            THEN min(location::VARCHAR)::JSON END AS location
    FROM staged_images
    GROUP BY dataset, seq_id
), named AS (
    SELECT dataset, seq_id FROM alike
    UNION
    SELECT dataset, seq_id FROM staged_sequences
    UNION
    SELECT dataset, seq_id FROM staged_videos
)
SELECT
    row_number() OVER (ORDER BY dataset, seq_id) AS number,
    dataset,
    seq_id,
    coalesce(given.location, alike.location) AS location,
    coalesce(given.class, alike.class) AS class,
    coalesce(given.datetime, alike.datetime) AS datetime,
    given.properties,
    list_concat(
        CASE WHEN given.location IS NULL AND alike.location IS NOT NULL THEN ['location'] ELSE [] END,
        CASE WHEN given.class IS NULL AND alike.class IS NOT NULL THEN ['class'] ELSE [] END,
        CASE WHEN given.datetime IS NULL AND alike.datetime IS NOT NULL THEN ['datetime'] ELSE [] END
    ) AS hoisted
FROM named
LEFT JOIN alike USING (dataset, seq_id)
LEFT JOIN staged_sequences AS given USING (dataset, seq_id);

-- Other properties that all images of a sequence have alike, and that it does not have itself.
CREATE OR REPLACE TEMP TABLE alike_properties AS
WITH entries AS (
    SELECT number, sequence.properties AS given, unnest(map_entries(image.properties::MAP(VARCHAR, JSON))) AS entry
    FROM staged_images AS image
    JOIN new_sequences AS sequence USING (dataset, seq_id)
), counted AS (
    SELECT number, count(*) AS images
    FROM staged_images
    JOIN new_sequences USING (dataset, seq_id)
    GROUP BY number
)
SELECT number, entry.key AS key, min(coalesce(entry.value::VARCHAR, 'null')) AS value
FROM entries
JOIN counted USING (number)
WHERE entry.key NOT IN ('location', 'id', 'cct_annotations', 'dataset', 'seq_id', 'images', 'videos')
    AND NOT coalesce(list_contains(json_keys(given), entry.key), false)
GROUP BY number, entry.key, images
HAVING count(*) = images AND value = max(coalesce(entry.value::VARCHAR, 'null'));

UPDATE new_sequences
SET properties = joined(new_sequences.properties, more.properties), hoisted = list_concat(hoisted, more.keys)
FROM (
    SELECT number, ordered_object(key, value::JSON) AS properties, list(key ORDER BY key) AS keys
    FROM alike_properties
    GROUP BY number
) AS more
WHERE new_sequences.number = more.number;

CREATE OR REPLACE TEMP TABLE new_images AS
SELECT
    image.item,
    sequence.number,
    image.dataset,
    image.file,
    image.frame_num,
    CASE WHEN NOT list_contains(sequence.hoisted, 'class') THEN image.class END AS class,
    CASE WHEN NOT list_contains(sequence.hoisted, 'datetime') THEN image.datetime END AS datetime,
    image.width,
    image.height,
    image.uuid,
    image.annotated,
    nullif(json_of([
        members_except(image.properties, sequence.hoisted),
        CASE WHEN NOT list_contains(sequence.hoisted, 'location') THEN '"location":' || image.location::VARCHAR END
    ]), '{}')::JSON AS properties
FROM staged_images AS image
JOIN new_sequences AS sequence USING (dataset, seq_id);

DROP TABLE staged_images;
DROP TABLE alike_properties;
