-- What becomes what of a data set in a Camtrap DP package. Views of `levels.sql` are there; macro `zone_offset(time)` gives
-- the offset of the time zone that the user named, and `locations_given` the coordinates that the user gave.

CREATE OR REPLACE TEMP MACRO moment(text) AS epoch_us(TRY_CAST(text AS TIMESTAMPTZ));

-- A time as Camtrap DP wants it, with its own offset, or with that of the time zone; NULL where either is unknown.
CREATE OR REPLACE TEMP MACRO stamped(text, time) AS CASE
    WHEN regexp_full_match(text, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:?\d\d)') THEN text
    ELSE strftime(time, '%Y-%m-%dT%H:%M:%S') || coalesce(
        nullif(regexp_extract(text, '(Z|[+-]\d\d:?\d\d)$'), ''), zone_offset(time)
    )
END;

CREATE OR REPLACE TEMP TABLE package_deployments AS
SELECT deployment ->> 'deploymentID' AS deploymentID, deployment
FROM (
    SELECT unnest(from_json(properties -> 'deployments', '["JSON"]')) AS deployment
    FROM datasets
    WHERE dataset = getvariable('camtrap_dataset')
);

-- Images and videos. What a package brought has a mediaID of its own.
CREATE OR REPLACE TEMP TABLE package_media AS
SELECT
    image,
    seq_id,
    CASE WHEN image IS NULL THEN 'video' ELSE 'image' END AS kind,
    file,
    class,
    location,
    time IS NOT NULL AS has_time,
    stamped(datetime, time) AS timestamp,
    (properties ->> 'mediaID') IS NOT NULL AS is_of_package,
    coalesce(properties ->> 'mediaID', file) AS mediaID,
    coalesce(properties ->> 'deploymentID', location) AS deploymentID,
    properties
FROM whole_media
WHERE dataset = getvariable('camtrap_dataset');

-- A location without a deployment is one deployment, from its first to its last image.
CREATE OR REPLACE TEMP TABLE more_deployments AS
SELECT
    deploymentID,
    coalesce(
        any_value(properties ->> 'latitude'), any_value(properties -> 'location' ->> 'latitude'), any_value(given.latitude)::VARCHAR
    ) AS latitude,
    coalesce(
        any_value(properties ->> 'longitude'), any_value(properties -> 'location' ->> 'longitude'),
        any_value(given.longitude)::VARCHAR
    ) AS longitude,
    arg_min(timestamp, moment(timestamp)) AS deploymentStart,
    arg_max(timestamp, moment(timestamp)) AS deploymentEnd
FROM package_media AS media
LEFT JOIN locations_given AS given ON media.location = given.location
WHERE deploymentID NOT IN (SELECT deploymentID FROM package_deployments)
GROUP BY deploymentID;

INSERT INTO package_deployments
SELECT deploymentID, json_object(
    'deploymentID', deploymentID, 'locationID', deploymentID, 'latitude', latitude, 'longitude', longitude,
    'deploymentStart', deploymentStart, 'deploymentEnd', deploymentEnd
)
FROM more_deployments;

-- What a label is called: its type, and its scientific name where the table of classes has one, else itself.
CREATE OR REPLACE TEMP MACRO observation_type(class) AS CASE
    WHEN class = 'empty' THEN 'blank'
    WHEN class = '__label_unavailable' THEN 'unclassified'
    WHEN class IN ('person', 'human') THEN 'human'
    WHEN class IN ('vehicle', 'unknown') THEN class
    ELSE 'animal'
END;

CREATE OR REPLACE TEMP TABLE class_names AS
SELECT class, properties ->> 'scientific_name' AS name
FROM classes
WHERE dataset = getvariable('camtrap_dataset') AND (properties ->> 'scientific_name') IS NOT NULL;

CREATE OR REPLACE TEMP MACRO name_of(class, known) AS
    CASE WHEN observation_type(class) = 'animal' AND class <> 'animal' THEN coalesce(known, class) END;

CREATE OR REPLACE TEMP TABLE package_boxes AS
SELECT
    media.mediaID, media.deploymentID, media.seq_id, media.timestamp, media.image, box.category, box.class,
    box.x_min, box.y_min, box.width, box.height, box.confidence, box.properties,
    row_number() OVER (PARTITION BY box.image ORDER BY box.ingest, box.box) AS number
FROM boxes AS box
JOIN package_media AS media USING (image)
WHERE coalesce(box.confidence, 0) >= 0;

CREATE OR REPLACE TEMP TABLE package_observations AS
-- as the package had them
SELECT unnest(from_json(properties -> 'observations', '["JSON"]')) AS observation
FROM package_media
WHERE (properties -> 'observations') IS NOT NULL
UNION ALL
SELECT unnest(from_json(properties -> 'event_observations', '["JSON"]'))
FROM whole_sequences
WHERE dataset = getvariable('camtrap_dataset') AND (properties -> 'event_observations') IS NOT NULL
UNION ALL
-- boxes, with all that the package said of them
SELECT json_merge_patch(
    json_object(
        'observationID', mediaID || '#box' || number,
        'deploymentID', deploymentID,
        'eventID', CASE WHEN (box.properties ->> 'observationID') IS NULL THEN seq_id END,
        'eventStart', timestamp,
        'eventEnd', timestamp,
        'observationLevel', 'media',
        'observationType', CASE category WHEN 'person' THEN 'human' WHEN 'group' THEN 'animal' ELSE category END,
        'scientificName', name_of(box.class, known.name),
        'classificationMethod', CASE WHEN confidence IS NULL THEN 'human' ELSE 'machine' END,
        'classificationProbability', confidence,
        'observationTags', CASE WHEN category = 'group' THEN getvariable('camtrap_group') END
    ),
    -- what the package did not say stays unsaid
    CASE WHEN (box.properties ->> 'observationID') IS NULL THEN '{}'::JSON
        ELSE '{"scientificName":null,"classificationMethod":null,"classificationProbability":null,"observationTags":null}'
    END,
    CASE WHEN (box.properties ->> 'observationID') IS NULL THEN '{}'::JSON ELSE box.properties END,
    json_object(
        'mediaID', mediaID, 'bboxX', x_min, 'bboxY', y_min,
        'bboxWidth', greatest(width, 1e-15), 'bboxHeight', greatest(height, 1e-15)
    )
)
FROM package_boxes AS box
LEFT JOIN class_names AS known ON known.class = box.class
UNION ALL
-- labels of images and videos from elsewhere, unless a box says the same
SELECT json_object(
    'observationID', mediaID || '#' || label.class,
    'deploymentID', deploymentID,
    'mediaID', mediaID,
    'eventID', seq_id,
    'eventStart', timestamp,
    'eventEnd', timestamp,
    'observationLevel', 'media',
    'observationType', observation_type(label.class),
    'scientificName', name_of(label.class, known.name)
)
FROM (SELECT * EXCLUDE (class), unnest(class) AS class FROM package_media WHERE NOT is_of_package) AS label
ANTI JOIN (SELECT image, coalesce(class, category) AS class FROM package_boxes) AS boxed
    ON boxed.image = label.image AND boxed.class = label.class
LEFT JOIN class_names AS known ON known.class = label.class
UNION ALL
-- labels of sequences from elsewhere
SELECT json_object(
    'observationID', sequence.seq_id || '#' || label,
    'deploymentID', event.deploymentID,
    'eventID', sequence.seq_id,
    'eventStart', event.first,
    'eventEnd', event.last,
    'observationLevel', 'event',
    'observationType', observation_type(label),
    'scientificName', name_of(label, known.name)
)
FROM (
    SELECT seq_id, unnest(class) AS label
    FROM whole_sequences
    WHERE dataset = getvariable('camtrap_dataset') AND NOT is_class_of_images
        AND (properties -> 'event_observations') IS NULL
) AS sequence
JOIN (
    SELECT
        seq_id,
        arg_min(deploymentID, moment(timestamp)) AS deploymentID,
        arg_min(timestamp, moment(timestamp)) AS first,
        arg_max(timestamp, moment(timestamp)) AS last
    FROM package_media
    GROUP BY seq_id
) AS event USING (seq_id)
LEFT JOIN class_names AS known ON known.class = label;

-- Rows to write, as JSON, each with what to sort by.
CREATE OR REPLACE TEMP VIEW deployments_rows AS
SELECT deployment AS row, deploymentID AS first, NULL AS second FROM package_deployments;

CREATE OR REPLACE TEMP VIEW media_rows AS
SELECT
    json_merge_patch(
        CASE WHEN is_of_package THEN '{}'::JSON ELSE json_object(
            'filePublic', coalesce(list_contains(access, 'public'), false),
            'fileName', regexp_extract(file, '[^/]*$'),
            'fileMediatype', CASE lower(regexp_extract(file, '[.]([^./]*)$', 1))
                WHEN 'jpg' THEN 'image/jpeg' WHEN 'jpeg' THEN 'image/jpeg' WHEN 'png' THEN 'image/png'
                WHEN 'tif' THEN 'image/tiff' WHEN 'tiff' THEN 'image/tiff' WHEN 'bmp' THEN 'image/bmp'
                WHEN 'mp4' THEN 'video/mp4' WHEN 'mov' THEN 'video/quicktime' WHEN 'avi' THEN 'video/x-msvideo'
                ELSE kind || '/*'
            END
        ) END,
        media.properties,
        json_object('mediaID', mediaID, 'deploymentID', deploymentID, 'timestamp', timestamp, 'filePath', file)
    ) AS row,
    deploymentID AS first,
    moment(timestamp) AS second
FROM package_media AS media
CROSS JOIN (SELECT access FROM datasets WHERE dataset = getvariable('camtrap_dataset'));

CREATE OR REPLACE TEMP VIEW observations_rows AS
SELECT
    observation AS row,
    observation ->> 'deploymentID' AS first,
    moment(observation ->> 'eventStart') AS second
FROM package_observations;
