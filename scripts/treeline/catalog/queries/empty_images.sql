-- Images of which the only class, or that of their sequence, is empty.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM facts_without_boxes
WHERE (len(image_class) = 1 AND image_class[1] = 'empty' OR len(sequence_class) = 1 AND sequence_class[1] = 'empty')
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
