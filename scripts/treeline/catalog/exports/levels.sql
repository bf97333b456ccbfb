-- Sequences, images and videos with all that holds for them: what was hoisted to the level above is put back.

CREATE OR REPLACE TEMP VIEW whole_sequences AS
SELECT
    sequence.sequence,
    sequence.dataset,
    sequence.seq_id,
    sequence.location,
    sequence.class,
    list_contains(sequence.hoisted, 'class') AS is_class_of_images,
    sequence.datetime,
    sequence.time,
    sequence.hoisted,
    json_merge_patch(coalesce(above.properties, '{}'::JSON), coalesce(sequence.properties, '{}'::JSON)) AS properties
FROM sequences AS sequence
LEFT JOIN (
    SELECT dataset, ordered_object(key, value) AS properties
    FROM datasets, json_each(datasets.properties)
    WHERE list_contains(hoisted, key)
    GROUP BY dataset
) AS above USING (dataset);

CREATE OR REPLACE TEMP VIEW whole_images AS
SELECT
    image.image,
    image.sequence,
    sequence.dataset,
    sequence.seq_id,
    image.file,
    image.frame_num,
    coalesce(sequence.location, location_text(image.properties -> 'location')) AS location,
    coalesce(image.class, CASE WHEN sequence.is_class_of_images THEN sequence.class END) AS class,
    CASE WHEN NOT sequence.is_class_of_images THEN sequence.class END AS sequence_class,
    coalesce(image.datetime, sequence.datetime) AS datetime,
    coalesce(image.time, sequence.time) AS time,
    image.uuid,
    json_merge_patch(sequence.properties, coalesce(image.properties, '{}'::JSON)) AS properties
FROM images AS image
JOIN whole_sequences AS sequence USING (sequence);

-- Images, and videos, which have no number in `image`; what was hoisted came from images alone.
CREATE OR REPLACE TEMP VIEW whole_media AS
SELECT image, sequence, dataset, seq_id, file, frame_num, location, class, sequence_class, datetime, time, properties
FROM whole_images
UNION ALL
SELECT
    NULL,
    video.sequence,
    sequence.dataset,
    sequence.seq_id,
    video.file,
    NULL,
    coalesce(sequence.location, video.properties ->> 'location'),
    video.class,
    CASE WHEN NOT sequence.is_class_of_images THEN sequence.class END,
    coalesce(video.datetime, sequence.datetime),
    coalesce(video.time, sequence.time),
    json_merge_patch(
        coalesce(without_keys(sequence.properties, sequence.hoisted), '{}'::JSON), coalesce(video.properties, '{}'::JSON)
    )
FROM videos AS video
JOIN whole_sequences AS sequence USING (sequence);
