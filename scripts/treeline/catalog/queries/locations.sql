-- Locations of each data set, with their sequences, images and split.
--
-- $dataset VARCHAR = NULL: only of this data set

SELECT dataset, location, count(*) AS sequences, sum(images)::BIGINT AS images, any_value(split) AS split
FROM (
    SELECT dataset, location, sequence, count(*) AS images FROM facts_without_boxes WHERE ($dataset IS NULL OR dataset = $dataset) GROUP BY ALL
)
LEFT JOIN splits USING (dataset, location)
WHERE location IS NOT NULL
GROUP BY dataset, location
ORDER BY dataset, location
