-- All images of the sequences of `annotated_sequences`.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid, annotated
FROM facts_without_boxes
WHERE sequence IN (SELECT sequence FROM images WHERE annotated)
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
