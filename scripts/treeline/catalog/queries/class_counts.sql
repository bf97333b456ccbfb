-- How many sequences and how many images each class stands on, and how many images it holds for.
--
-- $dataset VARCHAR = NULL: only of this data set

WITH of_lists AS (
    SELECT class, count(image_class) AS labelled_images, count(*) AS images
    FROM facts_without_boxes
    WHERE ($dataset IS NULL OR dataset = $dataset)
    GROUP BY class
), of_images AS (
    SELECT class, sum(labelled_images)::BIGINT AS labelled_images, sum(images)::BIGINT AS images
    FROM (SELECT unnest(class) AS class, labelled_images, images FROM of_lists)
    GROUP BY class
), of_sequences AS (
    SELECT class, count(*) AS labelled_sequences
    FROM (SELECT unnest(class) AS class FROM sequences WHERE ($dataset IS NULL OR dataset = $dataset))
    GROUP BY class
)
SELECT
    class,
    coalesce(labelled_sequences, 0) AS labelled_sequences,
    coalesce(labelled_images, 0) AS labelled_images,
    coalesce(images, 0) AS images
FROM of_images
FULL JOIN of_sequences USING (class)
ORDER BY class
