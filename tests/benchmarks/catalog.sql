-- Fill a catalogue: of every 10 images 3 sequences, and 12 boxes on 4 of the images. Numbers are scattered by `hash`,
-- so that it is the same each time. Twenty data sets, 500 locations each; a third of the sequences is empty, the others
-- have one of 300 species, some of them often; in one of ten sequences each image has a class of its own.

INSERT INTO ingests
SELECT number, 'dataset_' || number, 'megadb', 'generated', md5(number::VARCHAR), 0, 0, 0,
    TIMESTAMP '2026-01-01' + to_days(number::INTEGER), 'generated', NULL
FROM range(1, 21) AS numbers (number);

INSERT INTO datasets
SELECT 'dataset_' || number, 'account', 'container', '', '?se=2030-01-01T00%3A00%3A00Z&sig=generated',
    [if(number % 2 = 0, 'public', 'private')], '', '{"rights_holder":"Somebody"}', ['rights_holder'], number
FROM range(1, 21) AS numbers (number);

INSERT INTO sequences
SELECT
    number + 1,
    'dataset_' || (number * 20 // getvariable('sequences') + 1),
    md5(number::VARCHAR),
    'location_' || (hash(number) % 500),
    CASE
        WHEN number % 10 = 0 THEN NULL
        WHEN number % 3 = 0 THEN ['empty']
        WHEN number % 50 = 1 THEN ['species_' || floor(300 * power(hash(number + 7) % 10000 / 10000, 3))::INTEGER, 'calf']
        ELSE ['species_' || floor(300 * power(hash(number + 7) % 10000 / 10000, 3))::INTEGER]
    END,
    NULL, NULL, NULL, ['class'],
    number * 20 // getvariable('sequences') + 1
FROM range(getvariable('sequences')) AS numbers (number);

INSERT INTO images
SELECT
    number + 1,
    number * 3 // 10 + 1,
    'images/' || md5(number::VARCHAR) || '.jpg',
    number % 4,
    CASE WHEN number * 3 // 10 % 10 = 0 THEN ['species_' || (hash(number) % 300)] END,
    strftime(TIMESTAMP '2015-01-01' + to_seconds(number), '%Y-%m-%d %H:%M:%S'),
    TIMESTAMP '2015-01-01' + to_seconds(number),
    2048,
    1536,
    CASE WHEN number % 2 = 0 THEN md5('uuid' || number) END,
    number % 2 = 0,
    NULL,
    number * 3 // 10 * 20 // getvariable('sequences') + 1
FROM range(getvariable('images')) AS numbers (number);

INSERT INTO boxes
SELECT image, box, if(hash(image) % 10 = 0, 'person', 'animal'), NULL,
    hash(image) % 500 / 1000, hash(image + 1) % 500 / 1000, hash(box) % 500 / 1000, hash(image + box) % 500 / 1000,
    NULL, NULL, ingest
FROM images, range(3) AS boxes_of_an_image (box)
WHERE annotated AND image % 10 <> 9;

INSERT INTO splits
SELECT DISTINCT dataset, location, ['train', 'train', 'train', 'val', 'test'][(1 + hash(location) % 5)::BIGINT]
FROM sequences
ORDER BY ALL;
