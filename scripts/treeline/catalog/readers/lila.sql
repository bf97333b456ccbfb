-- What becomes what of a LILA file. View `lila_rows` has its rows under the catalogue's names; `lila_labels` what the
-- catalogue calls each label: an image that has one of which the name changes keeps all of its labels as they were.

CREATE OR REPLACE TEMP TABLE lila_images AS
SELECT
    min(row) AS item,
    dataset,
    any_value(seq_id) AS seq_id,
    any_value(location) AS location,
    any_value(frame_num) AS frame_num,
    any_value(datetime) AS datetime,
    any_value(annotation_level) AS annotation_level,
    any_value(url) AS url,
    list(DISTINCT label ORDER BY label) AS class,
    joined(
        any_value(properties),
        CASE WHEN bool_or(label <> lila_labels.class) OR count(*) > count(DISTINCT label)
            THEN json_object('original_labels', list({'label': label, 'class': lila_labels.class} ORDER BY label)) END
    ) AS properties
FROM lila_rows
JOIN lila_labels USING (label)
GROUP BY dataset, image_id;

-- Labels that were given to a sequence, and are the same on all of its images, are the sequence's.
CREATE OR REPLACE TEMP TABLE lila_sequences AS
SELECT dataset, seq_id, min(class) AS class
FROM lila_images
WHERE seq_id IS NOT NULL
GROUP BY dataset, seq_id
HAVING count(*) = count_if(annotation_level = 'sequence') AND min(class) = max(class);

INSERT INTO staged_sequences BY NAME SELECT * FROM lila_sequences;

INSERT INTO staged_images BY NAME
SELECT
    item,
    dataset,
    seq_id,
    to_json(location) AS location,
    regexp_replace(url, '^[a-z]+://[^/]*/', '') AS file,
    frame_num,
    CASE WHEN sequence.class IS NULL THEN image.class END AS class,
    datetime,
    getvariable('boxes_complete') AS annotated,
    properties
FROM lila_images AS image
LEFT JOIN lila_sequences AS sequence USING (dataset, seq_id);

INSERT INTO staged_classes BY NAME
SELECT dataset, label AS class, any_value(taxon) AS properties
FROM lila_rows
GROUP BY dataset, label
HAVING any_value(taxon) IS NOT NULL;

DROP TABLE lila_images;
DROP TABLE lila_sequences;
