-- Images in which somebody looked for boxes, with the boxes: an empty list where none was found.
--
-- $dataset VARCHAR = NULL: only of this data set

WITH looked_at AS (
    SELECT *
    FROM image_facts
    WHERE annotated AND ($dataset IS NULL OR dataset = $dataset)
), lists AS (
    SELECT image, list({'category': category, 'bbox': [x_min, y_min, width, height]} ORDER BY ingest, box) AS bbox
    FROM boxes
    WHERE image IN (SELECT image FROM looked_at)
    GROUP BY image
)
SELECT dataset, seq_id, frame_num, location, file, coalesce(bbox, []) AS bbox, class, datetime, uuid
FROM looked_at
LEFT JOIN lists USING (image)
ORDER BY sequence, frame_num, file
