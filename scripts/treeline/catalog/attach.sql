-- Images that another source of the same data set has brought get the boxes of this one, and are not brought again.

CREATE OR REPLACE TEMP TABLE attached_images AS
SELECT staged.item, image.image
FROM staged_images AS staged
JOIN sequences AS sequence USING (dataset)
JOIN images AS image ON image.sequence = sequence.sequence AND image.file = staged.file
WHERE image.ingest NOT IN (SELECT ingest FROM ingests WHERE name = getvariable('name'));

DELETE FROM staged_images WHERE item IN (SELECT item FROM attached_images);
