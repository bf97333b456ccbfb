-- Sequences, images and locations of each data set.

WITH of_sequences AS (
    SELECT dataset, count(*) AS sequences FROM sequences GROUP BY dataset
), of_images AS (
    SELECT dataset, sum(images)::BIGINT AS images, count(DISTINCT location) AS locations
    FROM (SELECT dataset, location, count(*) AS images FROM facts_without_boxes GROUP BY ALL)
    GROUP BY dataset
)
SELECT
    dataset,
    coalesce(sequences, 0) AS sequences,
    coalesce(images, 0) AS images,
    coalesce(locations, 0) AS locations
FROM datasets
LEFT JOIN of_sequences USING (dataset)
LEFT JOIN of_images USING (dataset)
ORDER BY dataset
