-- Some images of each class, drawn by a seed.
--
-- $count BIGINT = 5: images of a class
-- $seed BIGINT = 0: another one draws others
-- $dataset VARCHAR = NULL: only of this data set

WITH drawn AS (
    -- The multiplier is Knuth's (The Art of Computer Programming, 6.4): it scatters the numbers over 32 bits.
    SELECT class, unnest(min_by(image, (image + $seed) * 2654435761 % 4294967296, $count)) AS image
    FROM (SELECT image, unnest(class) AS class FROM image_facts WHERE ($dataset IS NULL OR dataset = $dataset))
    GROUP BY class
)
SELECT drawn.class AS sample_of, dataset, seq_id, frame_num, location, file, image_facts.class, datetime, uuid
FROM image_facts
JOIN drawn USING (image)
ORDER BY sample_of, sequence, frame_num, file
