-- The classes of each data set's sequences, less empty and __label_unavailable, and of its images.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT DISTINCT dataset, class
FROM (
    SELECT dataset, unnest(class) AS class FROM sequences
    EXCEPT
    SELECT dataset, unnest(['empty', '__label_unavailable']) FROM datasets
    UNION ALL
    SELECT dataset, unnest(image_class) AS class FROM facts_without_boxes WHERE image_class IS NOT NULL
)
WHERE ($dataset IS NULL OR dataset = $dataset)
ORDER BY dataset, class
