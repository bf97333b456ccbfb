-- Images of public data sets with a class, in sequences of more than some images.
--
-- $class VARCHAR: among the image's classes or, if it has none, its sequence's
-- $longer_than BIGINT = 0: images that the sequence has at least one more of
-- $dataset VARCHAR = NULL: only of this data set

WITH found AS (
    SELECT image
    FROM images_of_class($class)
    JOIN (SELECT sequence FROM images GROUP BY sequence HAVING count(*) > $longer_than) USING (sequence)
)
SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM facts_without_boxes
WHERE list_contains(access, 'public')
    AND ($dataset IS NULL OR dataset = $dataset)
    AND image IN (FROM found)
ORDER BY sequence, frame_num, file
