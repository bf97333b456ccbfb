-- How many data sets, sequences, images, videos and boxes there are.

SELECT
    (SELECT count(*) FROM datasets) AS datasets,
    (SELECT count(*) FROM sequences) AS sequences,
    (SELECT count(*) FROM images) AS images,
    (SELECT count(*) FROM videos) AS videos,
    (SELECT count(*) FROM boxes) AS boxes
