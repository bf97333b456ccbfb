-- Locations of each data set, with their sequences, images and split.
--
-- $dataset VARCHAR = NULL: only of this data set

WITH scattered AS MATERIALIZED (
    SELECT DISTINCT sequence FROM images WHERE properties ->> 'location' IS NOT NULL
)
SELECT dataset, location, sum(sequences)::BIGINT AS sequences, sum(images)::BIGINT AS images, any_value(split) AS split
FROM (
    -- Nearly all sequences stand at one place: their images are counted before they are joined.
    SELECT dataset, location, count(*) AS sequences, sum(images) AS images
    FROM (SELECT sequence, count(*) AS images FROM images ANTI JOIN scattered USING (sequence) GROUP BY sequence)
    JOIN sequences USING (sequence)
    GROUP BY dataset, location
    UNION ALL
    SELECT dataset, coalesce(image.properties ->> 'location', sequence.location), count(DISTINCT sequence), count(*)
    FROM scattered JOIN images AS image USING (sequence) JOIN sequences AS sequence USING (sequence)
    GROUP BY ALL
)
LEFT JOIN splits USING (dataset, location)
WHERE location IS NOT NULL AND ($dataset IS NULL OR dataset = $dataset)
GROUP BY dataset, location
ORDER BY dataset, location
