-- What queries and exports share. Temporary: made on opening, so that a catalogue of an older Treeline has them too.

-- Each image with what holds for it: its own where it says something, else its sequence's, else its data set's.
CREATE OR REPLACE TEMP VIEW image_facts AS
SELECT
    image.image,
    image.sequence,
    sequence.dataset,
    sequence.seq_id,
    coalesce(image.properties ->> 'location', sequence.location) AS location,  -- text; JSON of one that is no text
    image.file,
    image.frame_num,
    coalesce(image.class, sequence.class) AS class,
    image.class AS image_class,
    sequence.class AS sequence_class,
    coalesce(image.datetime, sequence.datetime) AS datetime,                   -- as it was given
    coalesce(image.time, sequence.time) AS time,                               -- the same, local time; NULL where it is none
    coalesce(
        image.properties ->> 'rights_holder', sequence.properties ->> 'rights_holder', dataset.properties ->> 'rights_holder'
    ) AS rights_holder,
    image.width,                                                               -- pixels
    image.height,
    image.uuid,
    image.annotated,
    coalesce(counted.boxes, 0) AS boxes,                                       -- their number
    dataset.access
FROM images AS image
JOIN sequences AS sequence USING (sequence)
JOIN datasets AS dataset USING (dataset)
LEFT JOIN (SELECT image, count(*) AS boxes FROM boxes GROUP BY image) AS counted USING (image);
