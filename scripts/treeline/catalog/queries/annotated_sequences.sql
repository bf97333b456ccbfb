-- Sequences with at least one image in which somebody looked for boxes, each once.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, location, class, datetime, counted.images, counted.annotated
FROM sequences
JOIN (
    SELECT sequence, count(*) AS images, count_if(annotated) AS annotated FROM images GROUP BY sequence
) AS counted USING (sequence)
WHERE counted.annotated > 0
    AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence
