-- Images of public data sets with a class, in sequences of more than some images.
--
-- $class VARCHAR: among the image's classes or, if it has none, its sequence's
-- $longer_than BIGINT = 0: images that the sequence has at least one more of
-- $dataset VARCHAR = NULL: only of this data set

WITH found AS (
    FROM images_of_class($class)
), long AS (
    SELECT sequence
    FROM images
    SEMI JOIN found USING (sequence)
    GROUP BY sequence
    HAVING count(*) > $longer_than
)
SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM facts_without_boxes
WHERE list_contains(access, 'public')
    AND ($dataset IS NULL OR dataset = $dataset)
    AND image IN (SELECT image FROM found SEMI JOIN long USING (sequence))
ORDER BY sequence, frame_num, file
