-- How many sequences and how many images each class stands on, and how many images it holds for.
--
-- $dataset VARCHAR = NULL: only of this data set

WITH of_sequences AS (
    SELECT unnest(class) AS class, count(*) AS sequences FROM sequences WHERE ($dataset IS NULL OR dataset = $dataset) GROUP BY ALL
), of_images AS (
    SELECT unnest(image_class) AS class, count(*) AS images FROM image_facts WHERE image_class IS NOT NULL AND ($dataset IS NULL OR dataset = $dataset) GROUP BY ALL
), of_both AS (
    SELECT unnest(class) AS class, count(*) AS images FROM image_facts WHERE ($dataset IS NULL OR dataset = $dataset) GROUP BY ALL
)
SELECT
    class,
    coalesce(of_sequences.sequences, 0) AS labelled_sequences,
    coalesce(of_images.images, 0) AS labelled_images,
    coalesce(of_both.images, 0) AS images
FROM of_both
FULL JOIN of_sequences USING (class)
FULL JOIN of_images USING (class)
ORDER BY class
