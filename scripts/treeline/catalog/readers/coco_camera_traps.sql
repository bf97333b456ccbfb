-- Join the lists of a COCO Camera Traps file: `cct_labels`, the annotations in the order of their images, and
-- `cct_sequences`, what is said of whole sequences.

CREATE OR REPLACE TEMP TABLE cct_labels AS
SELECT
    image.item,
    annotation.number,
    image.seq_id,
    annotation.of_sequence AND image.seq_id IS NOT NULL AS of_sequence,  -- there is nothing else to put it on but the image
    category.name,
    category.class,
    category.box_category,
    category.spelling,
    annotation.x,
    annotation.y,
    annotation.w,
    annotation.h,
    annotation.confidence,
    annotation.fields
FROM cct_annotations AS annotation
JOIN cct_images AS image ON annotation.image_id = image.id
JOIN cct_categories AS category ON annotation.category_id = category.id
ORDER BY image.item, annotation.number;

CREATE OR REPLACE TEMP TABLE cct_sequences AS
SELECT seq_id, list_sort(list(DISTINCT name)) AS class
FROM cct_labels
WHERE of_sequence
GROUP BY seq_id;

INSERT INTO staged_sequences BY NAME
SELECT getvariable('dataset') AS dataset, seq_id, class FROM cct_sequences;
