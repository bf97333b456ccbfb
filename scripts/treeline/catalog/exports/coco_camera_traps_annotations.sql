-- The annotations of the lot `lot`, in the table `cct_annotations`: of an image that has `cct_annotations`, these and its
-- boxes; of another, its boxes and a label for each class that they do not say.

CREATE OR REPLACE TEMP TABLE cct_annotations AS
WITH images_of_lot AS (
    SELECT
        image.*,
        sequence.dataset,
        sequence.seq_id,
        (image.properties -> '$.cct_annotations') IS NOT NULL AS is_kept,
        bool_or(is_kept) OVER (PARTITION BY sequence) AS is_sequence_kept,
        CASE WHEN list_contains(sequence.hoisted, 'class') THEN coalesce(image.class, sequence.class) ELSE image.class END
            AS image_class,
        CASE WHEN NOT list_contains(sequence.hoisted, 'class') THEN sequence.class END AS sequence_class
    FROM images AS image
    JOIN sequences AS sequence USING (sequence)
    JOIN chosen_sequences USING (sequence)
    WHERE lot = getvariable('lot')
), boxes_of_lot AS (
    SELECT
        image,
        row_number() OVER (PARTITION BY image ORDER BY box.ingest, box) AS number,
        coalesce(box.class, box.category) AS class,
        box.properties ->> '$.cct_category' AS name,
        box.properties,
        confidence,
        coalesce(
            (box.properties -> '$.cct_bbox')::DOUBLE[],
            [
                pixels(x_min, image.width), pixels(y_min, image.height),
                pixels(box.width, image.width), pixels(box.height, image.height)
            ]
        ) AS bbox
    FROM boxes AS box
    JOIN images_of_lot AS image USING (image)
), kept AS (
    SELECT
        image,
        unnest((properties -> '$.cct_annotations')::JSON[]) AS annotation,
        generate_subscripts((properties -> '$.cct_annotations')::JSON[], 1) AS number
    FROM images_of_lot
    WHERE is_kept
), drawn AS (
    SELECT image, list(class) AS classes FROM boxes_of_lot WHERE confidence IS NULL GROUP BY image
), labels AS (
    SELECT
        image,
        unnest([class for class in image_class if NOT list_contains(coalesce(classes, []), class)]) AS class,
        false AS of_sequence
    FROM images_of_lot
    LEFT JOIN drawn USING (image)
    WHERE NOT is_kept
    UNION ALL
    SELECT image, unnest(sequence_class), true FROM images_of_lot WHERE NOT is_sequence_kept
), annotations AS (
    SELECT image, 1 AS part, number, annotation ->> 0 AS name, NULL AS class, annotation -> 1 AS fields, NULL AS rest
    FROM kept
    UNION ALL
    SELECT
        image, 2, number, name, class, properties,
        concat_ws(',', member('bbox', bbox), member('confidence', confidence))
    FROM boxes_of_lot
    UNION ALL
    SELECT
        image, 3, row_number() OVER (PARTITION BY image ORDER BY of_sequence, class), NULL, class, NULL,
        CASE WHEN of_sequence THEN '"sequence_level_annotation":true' END
    FROM labels
    WHERE class <> '__label_unavailable'
)
SELECT
    row_number() OVER (
        ORDER BY image.dataset, image.seq_id, image.frame_num NULLS LAST, image.file, part, annotations.number
    ) AS number,
    cct_image_id(image.properties, image.file) AS image_id,
    cct_annotation_id(
        fields, image.file || '#' || row_number() OVER (PARTITION BY image ORDER BY part, annotations.number)
    ) AS id,
    coalesce(annotations.name, spelled.name, annotations.class) AS name,
    members_except(fields, ['id', 'cct_category', 'cct_bbox']) AS fields,
    rest
FROM annotations
JOIN images_of_lot AS image USING (image)
LEFT JOIN cct_spellings AS spelled ON annotations.class = spelled.class
