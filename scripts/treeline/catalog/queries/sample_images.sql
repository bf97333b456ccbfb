-- Some images of each class, drawn by a seed.
--
-- $count BIGINT = 5: images of a class
-- $seed BIGINT = 0: another one draws others
-- $dataset VARCHAR = NULL: only of this data set

WITH of_lists AS (
    -- Of each list of classes, found by its hash: to carry the lists takes longer.
    -- The multiplier is Knuth's (The Art of Computer Programming, 6.4): it scatters the numbers over 30 bits. Below them
    -- stands the image's number, in 33. A mask, unlike a remainder, keeps a turn above 0 whatever the seed; the first one
    -- keeps a large seed's product within 64 bits, and changes none of the 30.
    SELECT
        unnest(min(((image.image + $seed & 1073741823) * 2654435761 & 1073741823) * 8589934592 + image.image, $count)) AS turn
    FROM images AS image
    JOIN (SELECT sequence, dataset, hash(class) AS list FROM sequences) AS sequence USING (sequence)
    WHERE ($dataset IS NULL OR dataset = $dataset)
    GROUP BY CASE WHEN image.class IS NULL THEN sequence.list ELSE hash(image.class) END
), turns AS (
    SELECT turn, turn % 8589934592 AS image FROM of_lists
), drawn AS MATERIALIZED (
    FROM images SEMI JOIN turns USING (image)
), samples AS (
    SELECT unnest(class) AS sample_of, facts.*, turn FROM facts_of('drawn') AS facts JOIN turns USING (image)
)
SELECT sample_of, dataset, seq_id, frame_num, location, file, class, datetime, uuid
FROM samples
QUALIFY row_number() OVER (PARTITION BY sample_of ORDER BY turn) <= $count
ORDER BY sample_of, sequence, frame_num, file
