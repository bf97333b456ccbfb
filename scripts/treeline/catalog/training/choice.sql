-- The images of a set, each with what holds for it. `dropped` says why an image is not in the set; the first reason counts.

CREATE OR REPLACE TEMP TABLE training_images AS
SELECT
    row_number() OVER (ORDER BY wanted.dataset, wanted.file) AS id,
    wanted.dataset,
    wanted.file,
    facts.image,
    facts.seq_id,
    facts.frame_num,
    facts.location,
    facts.time,
    facts.class AS labels,
    facts.uuid,
    facts.width,
    facts.height,
    facts.annotated,
    facts.license,
    facts.rights_holder,
    family(wanted.dataset) AS family,
    known.split AS given_split,
    coalesce(known.split, 'train') AS split,
    CAST(CASE WHEN facts.image IS NULL THEN 'not in the catalogue' END AS VARCHAR) AS dropped
FROM wanted_images AS wanted
LEFT JOIN facts_without_boxes AS facts ON facts.dataset = wanted.dataset AND facts.file = wanted.file
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
