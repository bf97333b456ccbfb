-- Images with a class of their own; a class that all images of a sequence have alike stands on the sequence.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, frame_num, location, file, image_class AS class, datetime, uuid
FROM facts_without_boxes
WHERE image_class IS NOT NULL
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
