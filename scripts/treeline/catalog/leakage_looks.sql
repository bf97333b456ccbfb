-- Images that look alike, in two splits: one image of each split for each two hashes.

INSERT INTO leaks
SELECT
    'near_duplicate',
    NULL,
    first.dataset || '/' || first.file,
    one.split,
    second.dataset || '/' || second.file,
    other.split,
    pairs.bits
FROM (
    SELECT earlier, later, bits FROM near
    UNION ALL
    SELECT DISTINCT look, look, 0 FROM looks
) AS pairs
JOIN looks AS one ON pairs.earlier = one.look
JOIN looks AS other ON pairs.later = other.look
JOIN facts_without_boxes AS first ON first.image = one.image
JOIN facts_without_boxes AS second ON second.image = other.image
WHERE one.split <> other.split AND (pairs.earlier <> pairs.later OR one.split < other.split);
