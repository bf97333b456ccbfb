-- The species of all data sets: classes of sequences and images, less empty and __label_unavailable.

SELECT DISTINCT class
FROM (
    SELECT unnest(class) AS class FROM sequences
    UNION ALL
    SELECT unnest(class) AS class FROM images WHERE class IS NOT NULL
)
WHERE class NOT IN ('empty', '__label_unavailable')
ORDER BY class
