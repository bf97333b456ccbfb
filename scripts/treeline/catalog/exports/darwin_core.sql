-- One row an event and kind of animal, as GBIF wants occurrences of camera traps: views of `levels.sql` are there, and
-- `darwin_datasets` lists the data sets.

-- A time in ISO 8601, with an offset where the source has one.
CREATE OR REPLACE TEMP MACRO iso_time(text, time) AS
    strftime(time, '%Y-%m-%dT%H:%M:%S') || coalesce(nullif(regexp_extract(text, '(Z|[+-]\d\d:?\d\d)$'), ''), '');

-- Coordinates are properties, or part of a location that is an object.
CREATE OR REPLACE TEMP MACRO latitude_of(properties) AS
    coalesce(properties ->> 'latitude', properties -> 'location' ->> 'latitude');
CREATE OR REPLACE TEMP MACRO longitude_of(properties) AS
    coalesce(properties ->> 'longitude', properties -> 'location' ->> 'longitude');

-- No animals: nothing there, no label, people, cars, and what could not be told.
CREATE OR REPLACE TEMP MACRO is_animal(class) AS
    class NOT IN ('empty', '__label_unavailable', 'person', 'human', 'vehicle', 'unknown', 'unidentified', 'unidentifiable');

CREATE OR REPLACE TEMP TABLE darwin_media AS
SELECT
    media.*,
    coalesce(
        CASE WHEN file LIKE 'http%://%' THEN file END,
        media.properties ->> 'url', media.properties ->> 'url_gcp', media.properties ->> 'url_aws',
        media.properties ->> 'url_azure'
    ) AS url,
    coalesce((media.properties ->> 'filePublic')::BOOLEAN, list_contains(about.access, 'public'), true) AS is_public,
    iso_time(datetime, time) AS moment
FROM whole_media AS media
JOIN datasets AS about USING (dataset)
WHERE list_contains(getvariable('darwin_datasets'), dataset);

-- Which files show which animal: by their labels and boxes, else by the labels of the sequence, which may have no file.
CREATE OR REPLACE TEMP TABLE darwin_sightings AS
WITH seen AS (
    SELECT sequence, file, unnest(class) AS class FROM darwin_media
    UNION
    SELECT media.sequence, media.file, box.class
    FROM boxes AS box
    JOIN darwin_media AS media USING (image)
    WHERE box.class IS NOT NULL AND coalesce(confidence, 0) >= 0
), told AS (
    SELECT sequence, unnest(class) AS class
    FROM whole_sequences
    WHERE list_contains(getvariable('darwin_datasets'), dataset) AND NOT is_class_of_images
)
SELECT sequence, file, class FROM seen WHERE is_animal(class)
UNION ALL
SELECT sequence, file, class
FROM (SELECT * FROM told ANTI JOIN seen USING (sequence, class)) AS whole
LEFT JOIN (SELECT sequence, file FROM darwin_media) AS media USING (sequence)
WHERE is_animal(class);

CREATE OR REPLACE TEMP VIEW darwin_rows AS
WITH occurrences AS (
    SELECT
        sighting.sequence,
        sighting.class,
        arg_min(moment, (time, file)) AS first,
        arg_max(moment, (time, file)) AS last,
        string_agg(url, ' | ' ORDER BY frame_num, file) FILTER (is_public) AS media,
        min(media.location) AS location,
        min(latitude_of(properties)) AS latitude,
        min(longitude_of(properties)) AS longitude,
        min(properties ->> 'license') AS license,
        min(properties ->> 'rights_holder') AS rights_holder
    FROM darwin_sightings AS sighting
    LEFT JOIN darwin_media AS media USING (sequence, file)
    GROUP BY sighting.sequence, sighting.class
)
SELECT
    sequence.dataset || ':' || sequence.seq_id || ':' || occurrence.class AS occurrenceID,
    'MachineObservation' AS basisOfRecord,
    'present' AS occurrenceStatus,
    sequence.dataset AS datasetName,
    sequence.seq_id AS eventID,
    coalesce(CASE WHEN first = last THEN first ELSE first || '/' || last END, iso_time(sequence.datetime, sequence.time)) AS eventDate,
    coalesce(known.properties ->> 'scientific_name', occurrence.class) AS scientificName,
    known.properties ->> 'common_name' AS vernacularName,
    known.properties ->> 'taxon_rank' AS taxonRank,
    known.properties ->> 'kingdom' AS kingdom,
    known.properties ->> 'phylum' AS phylum,
    known.properties ->> 'class' AS "class",
    known.properties ->> 'order' AS "order",
    known.properties ->> 'family' AS family,
    known.properties ->> 'genus' AS genus,
    occurrence.class AS verbatimIdentification,
    coalesce(occurrence.location, sequence.location) AS locationID,
    coalesce(latitude, latitude_of(sequence.properties)) AS decimalLatitude,
    coalesce(longitude, longitude_of(sequence.properties)) AS decimalLongitude,
    CASE WHEN decimalLatitude IS NOT NULL THEN 'WGS84' END AS geodeticDatum,
    media AS associatedMedia,
    coalesce(occurrence.license, sequence.properties ->> 'license', about.license) AS license,
    coalesce(occurrence.rights_holder, sequence.properties ->> 'rights_holder', about.rights_holder) AS rightsHolder,
    (known.properties ->> 'scientific_name') IS NOT NULL AS has_name
FROM occurrences AS occurrence
JOIN whole_sequences AS sequence USING (sequence)
JOIN (
    SELECT dataset, properties ->> 'license' AS license, properties ->> 'rights_holder' AS rights_holder FROM datasets
) AS about USING (dataset)
LEFT JOIN classes AS known ON known.dataset = sequence.dataset AND known.class = occurrence.class;
