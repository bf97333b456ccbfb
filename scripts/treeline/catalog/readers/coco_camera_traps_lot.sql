-- Stage the images from `first` to `last`, and their boxes.

-- An image's classes are those of its annotations. A box of an animal or a group says less than any other label, and one
-- of a detector (it has a confidence) nothing.
INSERT INTO staged_images BY NAME
WITH labels AS (
    SELECT
        item,
        list_sort(list(DISTINCT name) FILTER (x IS NULL OR class NOT IN ('animal', 'group'))) AS names,
        list_sort(list(DISTINCT name)) AS all_names
    FROM cct_labels
    WHERE item BETWEEN getvariable('first') AND getvariable('last') AND NOT of_sequence AND confidence IS NULL
    GROUP BY item
), kept AS (
    SELECT
        item,
        string_agg('[' || to_json(name)::VARCHAR || ',' || fields || ']', ',' ORDER BY number) FILTER (x IS NULL) AS annotations,
        count(*) FILTER (x IS NOT NULL AND confidence IS NULL) > 0 AS has_boxes
    FROM cct_labels
    WHERE item BETWEEN getvariable('first') AND getvariable('last')
    GROUP BY item
)
SELECT
    image.item,
    getvariable('dataset') AS dataset,
    image.seq_id,
    image.location,
    image.file,
    image.frame_num,
    CASE
        WHEN names IS NOT NULL THEN names
        WHEN sequence.seq_id IS NULL THEN coalesce(all_names, ['__label_unavailable'])
    END AS class,
    image.datetime,
    image.width,
    image.height,
    getvariable('boxes_complete') OR coalesce(has_boxes, false) AS annotated,
    left(image.properties, -1) || ',"cct_annotations":[' || coalesce(annotations, '') || ']}' AS properties
FROM cct_images AS image
LEFT JOIN labels USING (item)
LEFT JOIN kept USING (item)
LEFT JOIN cct_sequences AS sequence ON image.seq_id = sequence.seq_id
WHERE image.item BETWEEN getvariable('first') AND getvariable('last');

INSERT INTO staged_boxes BY NAME
WITH shares AS (
    SELECT
        label.*,
        image.width AS image_width,
        image.height AS image_height,
        x / image_width AS x_min,
        y / image_height AS y_min,
        w / image_width AS width,
        h / image_height AS height
    FROM cct_labels AS label
    JOIN cct_images AS image USING (item)
    WHERE item BETWEEN getvariable('first') AND getvariable('last') AND x IS NOT NULL
)
SELECT
    item,
    (row_number() OVER (PARTITION BY item ORDER BY number) - 1)::INTEGER AS box,
    box_category AS category,
    CASE WHEN class <> box_category THEN name END AS class,
    x_min,
    y_min,
    width,
    height,
    confidence,
    left(fields, -1)
        || CASE WHEN spelling IS NOT NULL THEN ',' || member('cct_category', spelling) ELSE '' END
        -- Where the division has lost the last digit.
        || CASE
            WHEN [x, y, w, h] <> [
                pixels(x_min, image_width), pixels(y_min, image_height),
                pixels(width, image_width), pixels(height, image_height)
            ] THEN ',' || member('cct_bbox', [x, y, w, h])
            ELSE ''
        END
        || '}' AS properties
FROM shares;
