-- What queries and exports share. Temporary: made on opening, so that a catalogue of an older Treeline has them too.

-- Images with what holds for each: its own where it says something, else its sequence's, else its data set's. `images` is
-- the name of a table or of a part of the query: images that are picked before they are joined save joining the others.
CREATE OR REPLACE TEMP MACRO facts_of(images) AS TABLE
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
    coalesce(image.properties ->> 'license', sequence.properties ->> 'license', dataset.properties ->> 'license') AS license,
    image.width,                                                               -- pixels
    image.height,
    image.uuid,
    image.annotated,
    dataset.access
FROM query_table(images) AS image
JOIN sequences AS sequence USING (sequence)
JOIN datasets AS dataset USING (dataset);

CREATE OR REPLACE TEMP VIEW facts_without_boxes AS
FROM facts_of('images');

-- The same, with the number of boxes; counting them is a pass over all boxes, from which the other view saves a query.
CREATE OR REPLACE TEMP VIEW image_facts AS
SELECT facts.*, coalesce(counted.boxes, 0) AS boxes
FROM facts_without_boxes AS facts
LEFT JOIN (SELECT image, count(*) AS boxes FROM boxes GROUP BY image) AS counted USING (image);

-- Each image with the split of its location, without the number of its boxes. An image without a location, or of one
-- that has no split yet, is for training; a data set of which no location has one, nor the table of splits an entry, is an error.
CREATE OR REPLACE TEMP VIEW images_in_splits AS
SELECT
    image.*,
    CASE
        WHEN image.location IS NULL THEN 'train'
        WHEN drawn.dataset IS NULL THEN error(
            'the data set ' || image.dataset || ' has no splits. Draw them: treeline catalog split --help.'
        )
        ELSE coalesce(splits.split, 'train')
    END AS split
FROM facts_without_boxes AS image
LEFT JOIN splits USING (dataset, location)
LEFT JOIN (SELECT dataset FROM splits UNION SELECT dataset FROM split_entries) AS drawn USING (dataset);

-- The images with a class among their own or, if they have none, their sequence's. Only the columns that tell it are read:
-- what a query shows of the few images that are found is read after.
CREATE OR REPLACE TEMP MACRO images_of_class(wanted) AS TABLE
    SELECT image, sequence
    FROM images
    WHERE list_contains(class, wanted)
        OR (class IS NULL AND sequence IN (SELECT sequence FROM sequences WHERE list_contains(class, wanted)));
