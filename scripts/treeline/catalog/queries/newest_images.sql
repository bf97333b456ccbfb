-- The images that were ingested last.
--
-- $count BIGINT = 1000: how many
-- $dataset VARCHAR = NULL: only of this data set

WITH newest AS (
    SELECT image, ingested_at
    FROM images
    JOIN ingests USING (ingest)
    WHERE $dataset IS NULL OR sequence IN (SELECT sequence FROM sequences WHERE dataset = $dataset)
    ORDER BY ingested_at DESC, image DESC
    LIMIT $count
)
SELECT dataset, seq_id, frame_num, location, file, class, datetime, uuid, ingested_at
FROM facts_without_boxes
JOIN newest USING (image)
ORDER BY ingested_at DESC, image DESC
