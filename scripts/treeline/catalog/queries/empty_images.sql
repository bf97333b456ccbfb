-- Images of which the only class, or that of their sequence, is empty.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM image_facts
WHERE (image_class = ['empty'] OR sequence_class = ['empty'])
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence, frame_num, file
