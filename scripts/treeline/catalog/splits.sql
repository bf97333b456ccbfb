-- What splits are drawn from. Public and private siblings, `x` and `x_private`, are one family: they share locations.

CREATE OR REPLACE TEMP MACRO family_of(dataset) AS regexp_replace(dataset, '_private$', '');

-- A row for each location's class list, for the location without a name too.
CREATE OR REPLACE TEMP TABLE located AS
SELECT family_of(dataset) AS family, dataset, location, class, count(*) AS images, sum(boxes)::BIGINT AS boxes
FROM image_facts
GROUP BY ALL;

-- What is to be shared out, long: of each location its images, its boxes, and the images of each class.
CREATE OR REPLACE TEMP VIEW amounts AS
SELECT family, location, 'images' AS measure, '' AS label, sum(images)::BIGINT AS amount FROM located GROUP BY ALL
UNION ALL
SELECT family, location, 'boxes', '', sum(boxes)::BIGINT FROM located GROUP BY ALL HAVING sum(boxes) > 0
UNION ALL
SELECT family, location, 'label', label, sum(images)::BIGINT
FROM (SELECT family, location, images, unnest(class) AS label FROM located)
GROUP BY ALL;

CREATE OR REPLACE TEMP VIEW drawn AS
SELECT DISTINCT family_of(dataset) AS family, location, split FROM splits;
