-- The images of a set, each with what holds for it: its own where it says something, else its sequence's, else its data
-- set's. `dropped` says why an image is not in the set; the first reason counts.

CREATE OR REPLACE TEMP TABLE training_images AS
WITH facts AS (
    SELECT
        image.image,
        sequence.dataset,
        image.file,
        sequence.seq_id,
        image.frame_num,
        coalesce(image.properties ->> 'location', sequence.location) AS location,
        coalesce(image.time, sequence.time) AS time,
        CASE WHEN len(image.class) > 0 THEN image.class ELSE sequence.class END AS labels,
        image.uuid,
        image.width,
        image.height,
        image.annotated,
        coalesce(image.properties ->> 'license', sequence.properties ->> 'license', dataset.properties ->> 'license')
            AS license,
        coalesce(
            image.properties ->> 'rights_holder',
            sequence.properties ->> 'rights_holder',
            dataset.properties ->> 'rights_holder'
        ) AS rights_holder
    FROM images AS image
    JOIN sequences AS sequence USING (sequence)
    JOIN datasets AS dataset USING (dataset)
)
SELECT
    row_number() OVER (ORDER BY wanted.dataset, wanted.file) AS id,
    wanted.dataset,
    wanted.file,
    facts.* EXCLUDE (dataset, file),
    family(wanted.dataset) AS family,
    known.split AS given_split,
    coalesce(known.split, 'train') AS split,
    CAST(CASE WHEN facts.image IS NULL THEN 'not in the catalogue' END AS VARCHAR) AS dropped
FROM wanted_images AS wanted
LEFT JOIN facts ON facts.dataset = wanted.dataset AND facts.file = wanted.file
LEFT JOIN family_splits AS known ON known.family = family(wanted.dataset) AND known.location = facts.location;

-- A person's boxes; where no person has looked, a detector's from the wanted confidence on. Boxes end at the image's
-- edge.
CREATE OR REPLACE TEMP TABLE training_boxes AS
WITH found AS (
    SELECT
        id,
        category,
        box.ingest,
        box.box,
        x_min,
        y_min,
        if(x_min + box.width > 1, 1 - x_min, box.width) AS width,
        if(y_min + box.height > 1, 1 - y_min, box.height) AS height,
        confidence,
        annotated OR bool_or(confidence IS NULL) OVER (PARTITION BY id) AS by_person
    FROM boxes AS box
    JOIN training_images USING (image)
)
SELECT
    id,
    row_number() OVER (PARTITION BY id ORDER BY ingest, box) - 1 AS number,
    category,
    x_min,
    y_min,
    width,
    height,
    confidence
FROM found
WHERE CASE WHEN by_person THEN confidence IS NULL ELSE confidence >= getvariable('least_confidence') END;
