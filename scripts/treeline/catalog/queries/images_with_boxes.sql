-- Images with one or more boxes: drawn by a person, or found by a detector with some confidence.
--
-- $dataset VARCHAR = NULL: only of this data set
-- $confidence DOUBLE = 0.2: least confidence of a detector's box

SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM facts_without_boxes
WHERE image IN (SELECT image FROM boxes WHERE confidence IS NULL OR confidence >= $confidence)
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
