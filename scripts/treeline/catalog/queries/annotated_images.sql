-- Images in which somebody looked for boxes, with the boxes: an empty list where none was found.
--
-- $dataset VARCHAR = NULL: only of this data set

WITH lists AS (
    SELECT
        image,
        list_transform(
            -- Sorting the lists afterwards takes half the time of an ordered aggregate.
            list_sort(list({'ingest': ingest, 'box': box, 'category': category, 'bbox': [x_min, y_min, width, height]})),
            lambda one: {'category': one.category, 'bbox': one.bbox}
        ) AS bbox
    FROM boxes
    WHERE $dataset IS NULL OR image IN (SELECT image FROM facts_without_boxes WHERE dataset = $dataset)
    GROUP BY image
)
SELECT dataset, seq_id, frame_num, location, file, coalesce(bbox, []) AS bbox, class, datetime, uuid
FROM facts_without_boxes
LEFT JOIN lists USING (image)
WHERE annotated
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
