-- Images with exactly one class: their own, or their sequence's if they have none.
--
-- $dataset VARCHAR = NULL: only of this data set
-- $class VARCHAR = NULL: only of this class

SELECT dataset, seq_id, frame_num, location, file, class[1] AS class, datetime, uuid
FROM facts_without_boxes
WHERE len(class) = 1
    AND ($dataset IS NULL OR dataset = $dataset)
    AND ($class IS NULL OR class[1] = $class)
ORDER BY sequence, frame_num, file
