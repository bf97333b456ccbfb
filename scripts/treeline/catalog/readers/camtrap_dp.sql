-- What becomes what of a Camtrap DP package. Views `camtrap_deployments`, `camtrap_media` and `camtrap_observations` are
-- its tables, typed, with `row` and with `object`, the row as JSON.

CREATE OR REPLACE TEMP MACRO moment(text) AS epoch_us(TRY_CAST(text AS TIMESTAMPTZ));

CREATE OR REPLACE TEMP TABLE camtrap_places AS
SELECT
    deploymentID,
    coalesce(locationID, locationName, latitude || ',' || longitude) AS location,
    latitude,
    longitude
FROM camtrap_deployments;

-- Observations: of media files, whether they are boxes of images; of events, and ones of no file, by the event's name.
CREATE OR REPLACE TEMP TABLE camtrap_labels AS
SELECT
    observation.row,
    observation.deploymentID,
    CASE WHEN observationLevel = 'media' THEN mediaID END AS mediaID,
    CASE WHEN observationLevel = 'event' OR mediaID IS NULL THEN coalesce(eventID, observationID) ELSE eventID END AS seq_id,
    moment(eventStart) AS begins,
    moment(eventEnd) AS ends,
    eventStart,
    CASE observationType
        WHEN 'animal' THEN coalesce(scientificName, 'animal')
        WHEN 'human' THEN 'person'
        WHEN 'blank' THEN 'empty'
        WHEN 'unclassified' THEN '__label_unavailable'
        ELSE observationType
    END AS class,
    CASE observationType WHEN 'human' THEN 'person' ELSE observationType END AS category,
    scientificName,
    bboxX, bboxY, bboxWidth, bboxHeight,
    CASE WHEN classificationMethod = 'machine' THEN classificationProbability END AS confidence,
    contains('|' || observationTags || '|', '|' || getvariable('camtrap_group') || '|') AS is_group,
    observationLevel = 'media' AND observationType IN ('animal', 'human', 'vehicle')
        AND bboxX IS NOT NULL AND bboxY IS NOT NULL AND bboxWidth IS NOT NULL AND bboxHeight IS NOT NULL
        AND coalesce(media.is_image, false) AS is_box,
    object
FROM camtrap_observations AS observation
LEFT JOIN (SELECT mediaID, starts_with(fileMediatype, 'image/') AS is_image FROM camtrap_media) AS media USING (mediaID);

-- The event of a media file: the first that its observations name, else the event of its deployment that was under way.
CREATE OR REPLACE TEMP TABLE camtrap_events AS
WITH named AS (
    SELECT mediaID, seq_id
    FROM camtrap_labels
    WHERE mediaID IS NOT NULL AND seq_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY mediaID ORDER BY begins, seq_id) = 1
), events AS (
    SELECT seq_id, deploymentID, min(begins) AS begins, max(ends) AS ends
    FROM camtrap_labels
    WHERE mediaID IS NULL
    GROUP BY seq_id, deploymentID
    QUALIFY row_number() OVER (PARTITION BY deploymentID, min(begins) ORDER BY max(ends) DESC, seq_id) = 1
), unnamed AS (
    SELECT mediaID, deploymentID, moment(timestamp) AS time FROM camtrap_media ANTI JOIN named USING (mediaID)
)
SELECT mediaID, seq_id FROM named
UNION ALL
SELECT mediaID, CASE WHEN time <= ends THEN seq_id END
FROM unnamed
ASOF LEFT JOIN events ON unnamed.deploymentID = events.deploymentID AND unnamed.time >= events.begins;

-- "empty" stands alone, and so does a label that is not there.
CREATE OR REPLACE TEMP MACRO class_list(labels) AS CASE
    WHEN len(list_filter(labels, lambda label: label NOT IN ('empty', '__label_unavailable'))) > 0
        THEN list_sort(list_filter(labels, lambda label: label NOT IN ('empty', '__label_unavailable')))
    WHEN list_contains(labels, 'empty') THEN ['empty']
    ELSE ['__label_unavailable']
END;

-- Most files have one observation. Lists, which do not spill to the disk, are made for the others alone.
CREATE OR REPLACE TEMP TABLE camtrap_counts AS
SELECT mediaID, min(row) AS row, count(*) AS labels FROM camtrap_labels WHERE mediaID IS NOT NULL GROUP BY mediaID;

CREATE OR REPLACE TEMP TABLE camtrap_files AS
WITH labels AS (
    SELECT
        label.mediaID,
        [class] AS class,
        is_box AS has_boxes,
        CASE WHEN NOT is_box THEN json_array(object) END AS observations
    FROM camtrap_labels AS label
    JOIN camtrap_counts USING (row)
    WHERE labels = 1
    UNION ALL
    SELECT
        mediaID,
        class_list(list(DISTINCT class)),
        bool_or(is_box),
        to_json(list(object ORDER BY row) FILTER (NOT is_box))
    FROM camtrap_labels
    SEMI JOIN (SELECT mediaID FROM camtrap_counts WHERE labels > 1) USING (mediaID)
    GROUP BY mediaID
)
SELECT
    media.row AS item,
    media.filePath,
    media.fileName,
    media.timestamp,
    starts_with(media.fileMediatype, 'image/') AS is_image,
    event.seq_id,
    to_json(place.location) AS location,
    labels.class,
    coalesce(labels.has_boxes, false) AS has_boxes,
    json_merge_patch(
        media.object,
        json_object('filePath', NULL, 'timestamp', NULL),
        json_object('latitude', place.latitude, 'longitude', place.longitude),
        CASE WHEN labels.observations IS NULL THEN '{}'::JSON ELSE json_object('observations', labels.observations) END
    ) AS properties
FROM camtrap_media AS media
JOIN camtrap_places AS place USING (deploymentID)
LEFT JOIN camtrap_events AS event USING (mediaID)
LEFT JOIN labels USING (mediaID);

INSERT INTO staged_images BY NAME
SELECT
    item,
    getvariable('camtrap_dataset') AS dataset,
    seq_id,
    location,
    filePath AS file,
    CASE WHEN seq_id IS NOT NULL AND count(*) OVER (PARTITION BY seq_id) > 1
        THEN row_number() OVER (PARTITION BY seq_id ORDER BY moment(timestamp), fileName, filePath) END AS frame_num,
    class,
    timestamp AS datetime,
    has_boxes AS annotated,
    properties
FROM camtrap_files
WHERE is_image;

-- Recordings of sound are here too: the media type is among the properties.
INSERT INTO staged_videos BY NAME
SELECT
    getvariable('camtrap_dataset') AS dataset,
    coalesce(seq_id, 'dummy_' || md5(filePath)) AS seq_id,
    filePath AS file,
    class,
    timestamp AS datetime,
    properties
FROM camtrap_files
WHERE NOT is_image;

INSERT INTO staged_boxes BY NAME
SELECT
    media.row AS item,
    row_number() OVER (PARTITION BY media.row ORDER BY label.row) - 1 AS box,
    CASE WHEN is_group THEN 'group' ELSE category END AS category,
    CASE WHEN category = 'animal' THEN scientificName END AS class,
    bboxX AS x_min,
    bboxY AS y_min,
    bboxWidth AS width,
    bboxHeight AS height,
    confidence,
    json_merge_patch(
        label.object, '{"mediaID":null,"bboxX":null,"bboxY":null,"bboxWidth":null,"bboxHeight":null}'::JSON
    ) AS properties
FROM camtrap_labels AS label
JOIN camtrap_media AS media USING (mediaID)
WHERE is_box;

INSERT INTO staged_sequences BY NAME
SELECT
    getvariable('camtrap_dataset') AS dataset,
    label.seq_id,
    -- where no image says it
    CASE WHEN count(image.seq_id) = 0 THEN to_json(arg_min(place.location, label.row)) END AS location,
    CASE WHEN count(image.seq_id) = 0 THEN arg_min(label.eventStart, label.row) END AS datetime,
    class_list(list(DISTINCT label.class)) AS class,
    json_merge_patch(
        json_object('event_observations', to_json(list(label.object ORDER BY label.row))),
        CASE WHEN count(image.seq_id) > 0 THEN '{}'::JSON ELSE json_object(
            'latitude', arg_min(place.latitude, label.row), 'longitude', arg_min(place.longitude, label.row)
        ) END
    ) AS properties
FROM camtrap_labels AS label
JOIN camtrap_places AS place USING (deploymentID)
LEFT JOIN (SELECT DISTINCT seq_id FROM staged_images) AS image USING (seq_id)
WHERE label.mediaID IS NULL
GROUP BY label.seq_id;

-- No label at all, neither on the file nor on its event.
CREATE OR REPLACE TEMP TABLE camtrap_unlabelled AS
SELECT image.item
FROM staged_images AS image
LEFT JOIN staged_sequences AS sequence USING (dataset, seq_id)
WHERE image.class IS NULL AND sequence.class IS NULL;

UPDATE staged_images SET class = ['__label_unavailable'] WHERE item IN (SELECT item FROM camtrap_unlabelled);

DROP TABLE camtrap_unlabelled;
DROP TABLE camtrap_files;
DROP TABLE camtrap_counts;
DROP TABLE camtrap_events;
DROP TABLE camtrap_labels;
DROP TABLE camtrap_places;
