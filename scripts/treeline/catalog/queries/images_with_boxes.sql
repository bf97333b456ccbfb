-- Images with one or more boxes.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM facts_without_boxes
WHERE image IN (SELECT image FROM boxes)
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
