-- Make sequences, frame numbers and labels where a source has none.

-- Images without a sequence: one of a location's sequences ends where more than `gap_seconds` pass to its next image. An
-- image of which the location or the time is unknown is alone, in a sequence whose name begins with `dummy_`.
CREATE OR REPLACE TEMP TABLE made_sequences AS
WITH timed AS (
    SELECT item, dataset, file, location_text(location) AS place, local_time(datetime) AS time
    FROM staged_images
    WHERE seq_id IS NULL
), gaps AS (
    SELECT *, coalesce(time - lag(time) OVER camera > to_seconds(getvariable('gap_seconds')), true) AS begins
    FROM timed
    WHERE place IS NOT NULL AND time IS NOT NULL
    WINDOW camera AS (PARTITION BY dataset, place ORDER BY time, file)
), numbered AS (
    SELECT *, count_if(begins) OVER (PARTITION BY dataset, place ORDER BY time, file ROWS UNBOUNDED PRECEDING) AS number
    FROM gaps
)
SELECT item, place || '/' || strftime(min(time) OVER sequence, '%Y-%m-%dT%H:%M:%S') AS seq_id
FROM numbered
WINDOW sequence AS (PARTITION BY dataset, place, number)
UNION ALL
SELECT item, 'dummy_' || md5(file) FROM timed WHERE place IS NULL OR time IS NULL;

UPDATE staged_images SET seq_id = made.seq_id FROM made_sequences AS made WHERE staged_images.item = made.item;
DROP TABLE made_sequences;

-- Frames of sequences in which no image has a number: by time, then by name.
CREATE OR REPLACE TEMP TABLE made_frames AS
SELECT item, row_number() OVER (PARTITION BY dataset, seq_id ORDER BY local_time(datetime), file) AS frame_num
FROM staged_images
QUALIFY count(frame_num) OVER (PARTITION BY dataset, seq_id) = 0 AND count(*) OVER (PARTITION BY dataset, seq_id) > 1;

UPDATE staged_images SET frame_num = made.frame_num FROM made_frames AS made WHERE staged_images.item = made.item;
DROP TABLE made_frames;

-- Images of which neither they nor their sequence has a label.
UPDATE staged_images
SET class = ['__label_unavailable']
WHERE coalesce(len(class), 0) = 0 AND (dataset, seq_id) NOT IN (
    SELECT (dataset, seq_id) FROM staged_sequences WHERE len(class) > 0
);
