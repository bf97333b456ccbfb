-- How the images, boxes, locations and labels of each data set that has splits lie in them.

CREATE OR REPLACE TEMP VIEW split_report AS
WITH placed AS (
    SELECT
        dataset, location, class, coalesce(split, 'train') AS split, count(*) AS images, sum(boxes)::BIGINT AS boxes
    FROM image_facts
    LEFT JOIN splits USING (dataset, location)
    WHERE dataset IN (SELECT dataset FROM splits)
    GROUP BY ALL
), counted AS (
    SELECT dataset, 1 AS place, 'images' AS measure, NULL AS label, split, sum(images) AS amount FROM placed GROUP BY ALL
    UNION ALL
    SELECT dataset, 2, 'boxes', NULL, split, sum(boxes) FROM placed GROUP BY ALL
    UNION ALL
    SELECT dataset, 3, 'locations', NULL, split, count(DISTINCT location) FROM placed GROUP BY ALL
    UNION ALL
    SELECT dataset, 4, 'label', label, split, sum(images)
    FROM (SELECT dataset, split, images, unnest(class) AS label FROM placed)
    GROUP BY ALL
), summed AS (
    SELECT
        dataset,
        place,
        measure,
        label,
        coalesce(sum(amount) FILTER (split = 'train'), 0)::BIGINT AS train,
        coalesce(sum(amount) FILTER (split = 'val'), 0)::BIGINT AS val,
        coalesce(sum(amount) FILTER (split = 'test'), 0)::BIGINT AS test
    FROM counted
    GROUP BY ALL
)
SELECT
    dataset,
    measure,
    label,
    train,
    val,
    test,
    round(train / nullif(train + val + test, 0), 6) AS train_share,
    round(val / nullif(train + val + test, 0), 6) AS val_share,
    round(test / nullif(train + val + test, 0), 6) AS test_share
FROM summed
ORDER BY dataset, place, label;
