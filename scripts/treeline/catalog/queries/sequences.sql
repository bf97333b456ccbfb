-- Sequences, with the number of their images and of those in which somebody looked for boxes.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, seq_id, location, class, datetime, counted.images, counted.annotated
FROM sequences
LEFT JOIN (
    SELECT sequence, count(*) AS images, count_if(annotated) AS annotated FROM images GROUP BY sequence
) AS counted USING (sequence)
WHERE ($dataset IS NULL OR dataset = $dataset)
ORDER BY sequence
