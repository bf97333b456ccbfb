-- Pairs in two splits: locations that siblings share, and sequences.

CREATE OR REPLACE TEMP TABLE leaks AS
WITH located AS (
    SELECT regexp_replace(dataset, '_private$', '') AS family, dataset, location, split FROM splits
), sequenced AS (
    SELECT sequence, any_value(dataset) AS dataset, any_value(seq_id) AS seq_id, split, min(file) AS file
    FROM images_in_splits
    GROUP BY sequence, split
)
SELECT
    'location' AS "check",
    one.location AS shared,
    one.dataset AS first,
    one.split AS first_split,
    other.dataset AS second,
    other.split AS second_split,
    NULL::BIGINT AS bits
FROM located AS one
JOIN located AS other USING (family, location)
WHERE one.dataset < other.dataset AND one.split <> other.split
UNION ALL
SELECT
    'sequence', one.dataset || '/' || one.seq_id, one.file, one.split, other.file, other.split, NULL
FROM sequenced AS one
JOIN sequenced AS other USING (sequence)
WHERE one.split < other.split;
