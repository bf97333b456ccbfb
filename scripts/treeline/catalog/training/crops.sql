-- Which boxes are cut out: of each label as many as it may have, from its first data sets first, in each of them drawn by
-- a hash, so that the same ones are drawn wherever they are stored.
CREATE OR REPLACE TEMP TABLE training_crops AS
SELECT id, number, category, [x_min, y_min, box.width, box.height] AS bbox, coalesce(confidence, 1.0) AS confidence, label
FROM training_boxes AS box
JOIN training_images AS image USING (id)
JOIN label_classes AS known ON known.dataset = image.dataset AND known.class = image.labels[1]
WHERE dropped IS NULL AND list_contains(getvariable('categories'), category)
QUALIFY maximum IS NULL OR maximum >= row_number() OVER (
    PARTITION BY label
    ORDER BY tier, md5(getvariable('seed') || '/' || image.dataset || '/' || file || '/' || number), image.dataset, file, number
);
