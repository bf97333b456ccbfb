-- Put what is new in place of what an earlier ingest of the same name brought. Runs in the ingest's transaction, with
-- the variable `ingest` set to its number.

-- What was hoisted to a data set goes back to its sequences; `hoist_to_datasets.sql` looks again when all are there.
UPDATE sequences
SET properties = joined(sequences.properties, above.properties)
FROM (
    SELECT dataset, only_keys(properties, hoisted) AS properties
    FROM datasets
    WHERE len(hoisted) > 0 AND dataset IN (SELECT dataset FROM touched_datasets)
) AS above
WHERE sequences.dataset = above.dataset;

UPDATE datasets
SET properties = without_keys(properties, hoisted), hoisted = []
WHERE len(hoisted) > 0 AND dataset IN (SELECT dataset FROM touched_datasets);

-- An image that is there again keeps its number, so that what other ingests say of it still holds.
CREATE OR REPLACE TEMP TABLE known_images AS
SELECT sequence.dataset, image.file, image.image
FROM images AS image
JOIN sequences AS sequence USING (sequence)
WHERE image.ingest = getvariable('ingest');

DELETE FROM boxes WHERE ingest = getvariable('ingest');
DELETE FROM images WHERE ingest = getvariable('ingest');
DELETE FROM videos WHERE ingest = getvariable('ingest');
DELETE FROM sequences WHERE ingest = getvariable('ingest');
DELETE FROM classes WHERE ingest = getvariable('ingest');

-- The others follow the last number in the order of their items; a window or a sort would need all of them at once.
CREATE OR REPLACE TEMP TABLE numbered_images AS
SELECT
    new.*,
    coalesce(
        known.image,
        (SELECT coalesce(max(image), 0) FROM (SELECT image FROM images UNION ALL SELECT image FROM known_images))
            + 1 + new.item - (SELECT min(item) FROM new_images)
    ) AS image
FROM new_images AS new
LEFT JOIN known_images AS known USING (dataset, file);

DROP TABLE new_images;

SET VARIABLE first_sequence = (SELECT coalesce(max(sequence), 0) FROM sequences);

INSERT INTO sequences
SELECT
    getvariable('first_sequence') + number,
    dataset,
    seq_id,
    location_text(location),
    class,
    datetime,
    local_time(datetime),
    joined(properties, CASE WHEN json_type(location) <> 'VARCHAR' THEN json_object('location', location) END),
    hoisted,
    getvariable('ingest')
FROM new_sequences
ORDER BY number;

INSERT INTO images
SELECT
    image,
    getvariable('first_sequence') + number,
    file,
    frame_num,
    class,
    datetime,
    local_time(datetime),
    width,
    height,
    uuid,
    annotated,
    properties,
    getvariable('ingest')
FROM numbered_images
ORDER BY number, frame_num, file;

-- Joined first and sorted then: both at once need memory that neither leaves to the other.
CREATE OR REPLACE TEMP TABLE numbered_boxes AS
SELECT box.*, image.image
FROM staged_boxes AS box
JOIN (SELECT item, image FROM numbered_images UNION ALL SELECT item, image FROM attached_images) AS image USING (item);

INSERT INTO boxes
SELECT
    image, box, category, class, x_min, y_min, width, height, confidence, properties, getvariable('ingest')
FROM numbered_boxes
ORDER BY image, box;

DROP TABLE numbered_boxes;

-- What other sources said of images that are gone.
DELETE FROM boxes WHERE image IN (SELECT image FROM known_images EXCEPT SELECT image FROM numbered_images);

SET VARIABLE first_video = (SELECT coalesce(max(video), 0) FROM videos);

INSERT INTO videos
SELECT
    getvariable('first_video') + row_number() OVER (ORDER BY sequence.number, video.file),
    getvariable('first_sequence') + sequence.number,
    video.file,
    video.class,
    video.datetime,
    local_time(video.datetime),
    video.frame_rate,
    video.frames,
    video.properties,
    getvariable('ingest')
FROM staged_videos AS video
JOIN new_sequences AS sequence USING (dataset, seq_id);

INSERT INTO classes
SELECT DISTINCT ON (dataset, class) dataset, class, properties, getvariable('ingest')
FROM staged_classes                                    -- labels that differ in case alone are the same here
ORDER BY dataset, class, length(properties::VARCHAR) DESC NULLS LAST, properties::VARCHAR
ON CONFLICT DO UPDATE SET properties = excluded.properties, ingest = excluded.ingest;

INSERT INTO datasets (dataset) SELECT dataset FROM touched_datasets ON CONFLICT DO NOTHING;

DELETE FROM descriptions WHERE ingest = getvariable('ingest');
INSERT INTO descriptions BY NAME SELECT getvariable('ingest') AS ingest, * FROM staged_datasets;

-- What all sources say of a data set together. What is empty gives way to what another source says; of what they say
-- differently (`descriptions.sql` finds it), what the older ingest says.
UPDATE datasets
SET
    storage_account = described.storage_account,
    container = described.container,
    path_prefix = described.path_prefix,
    container_sas_key = described.container_sas_key,
    access = described.access,
    comment = described.comment,
    properties = described.properties,
    ingest = described.ingest
FROM (
    WITH described_columns AS (
        SELECT
            dataset,
            arg_min(storage_account, (storage_account = '', ingest)) AS storage_account,
            arg_min(container, ingest) AS container,
            arg_min(path_prefix, ingest) AS path_prefix,
            arg_min(container_sas_key, ingest) AS container_sas_key,
            arg_min(access, (len(access) = 0, ingest)) AS access,
            arg_min(comment, (comment = '', ingest)) AS comment,
            min(ingest) AS ingest
        FROM descriptions
        GROUP BY dataset
    ), pairs AS (
        SELECT dataset, key, arg_min(value::VARCHAR, (value::VARCHAR IN ('null', '""'), ingest)) AS value
        FROM descriptions, json_each(descriptions.properties)
        GROUP BY dataset, key
    ), described_properties AS (
        SELECT dataset, ordered_object(key, value) AS properties FROM pairs GROUP BY dataset
    )
    FROM touched_datasets
    LEFT JOIN described_columns USING (dataset)
    LEFT JOIN described_properties USING (dataset)
) AS described
WHERE datasets.dataset = described.dataset;

INSERT INTO splits SELECT dataset, location, split FROM staged_splits ON CONFLICT DO NOTHING;

INSERT OR REPLACE INTO split_entries
SELECT
    dataset,
    list_sort(list_distinct(list_concat(known.not_text, staged.not_text))),
    joined(without_keys(known.properties, coalesce(json_keys(staged.properties), [])), staged.properties)
FROM staged_split_entries AS staged
LEFT JOIN split_entries AS known USING (dataset);

-- What all sequences of a data set have alike, and what they have only there.
CREATE OR REPLACE TEMP TABLE alike_in_dataset AS
WITH counted AS (
    SELECT dataset, count(*) AS sequences
    FROM sequences
    WHERE dataset IN (SELECT dataset FROM touched_datasets)
    GROUP BY dataset
), own AS ( -- of each data set once: its properties may be long
    SELECT dataset, json_keys(properties) AS keys FROM datasets
), pairs AS (
    SELECT sequences.dataset, key, value::VARCHAR AS value
    FROM sequences, json_each(sequences.properties)
    WHERE key NOT IN (
        'location', 'dataset_name', 'storage_account', 'container', 'path_prefix', 'container_sas_key', 'access', 'comment'
    )
)
SELECT dataset, key, min(value) AS value
FROM pairs
JOIN counted USING (dataset)
JOIN own USING (dataset)
WHERE NOT coalesce(list_contains(own.keys, key), false)
GROUP BY dataset, key, counted.sequences
HAVING count(*) = counted.sequences AND min(value) = max(value);

UPDATE datasets
SET properties = joined(datasets.properties, more.properties), hoisted = more.keys
FROM (
    SELECT dataset, ordered_object(key, value::JSON) AS properties, list(key ORDER BY key) AS keys
    FROM alike_in_dataset
    GROUP BY dataset
) AS more
WHERE datasets.dataset = more.dataset;

UPDATE sequences
SET properties = without_keys(sequences.properties, datasets.hoisted)
FROM datasets
WHERE sequences.dataset = datasets.dataset AND len(datasets.hoisted) > 0
    AND datasets.dataset IN (SELECT dataset FROM touched_datasets);

DROP TABLE alike_in_dataset;

DELETE FROM datasets WHERE ingest IS NULL AND dataset NOT IN (SELECT dataset FROM sequences);
