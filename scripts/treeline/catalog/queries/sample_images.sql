-- Some images of each class, drawn by a seed.
--
-- $count BIGINT = 5: images of a class
-- $seed BIGINT = 0: another one draws others
-- $dataset VARCHAR = NULL: only of this data set

WITH turns AS (
    -- The tables, not the view: what is read twice, the database would keep whole between.
    -- The multiplier is Knuth's (The Art of Computer Programming, 6.4): it scatters the numbers over 32 bits.
    SELECT image.image, coalesce(image.class, sequence.class) AS class, (image.image + $seed) * 2654435761 % 4294967296 AS turn
    FROM images AS image
    JOIN sequences AS sequence USING (sequence)
    WHERE ($dataset IS NULL OR dataset = $dataset)
), of_lists AS (
    SELECT class, unnest(min_by({'image': image, 'turn': turn}, turn, $count)) AS one
    FROM turns
    GROUP BY class
), drawn AS (
    SELECT sample_of, one.image
    FROM (SELECT unnest(class) AS sample_of, one FROM of_lists)
    QUALIFY row_number() OVER (PARTITION BY sample_of ORDER BY one.turn, one.image) <= $count
)
SELECT sample_of, dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM facts_without_boxes
JOIN drawn USING (image)
ORDER BY sample_of, sequence, frame_num, file
