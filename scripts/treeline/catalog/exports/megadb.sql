-- The sequences of the lot `lot` as MegaDB JSON, a text each. With `is_unhoisted`, what hoisting moved goes back.

WITH levels AS (
    SELECT
        sequence.*,
        coalesce(sequence.properties -> '$.location', to_json(sequence.location)) AS given_location,
        CASE WHEN getvariable('is_unhoisted') THEN sequence.hoisted ELSE [] END AS of_images,
        -- Of a data set that nobody described there is no row: what its sequences have alike stays with them.
        CASE WHEN getvariable('is_unhoisted') OR dataset.ingest IS NULL THEN dataset.hoisted ELSE [] END AS of_sequences,
        dataset.properties AS dataset_properties
    FROM sequences AS sequence
    JOIN chosen_sequences USING (sequence)
    JOIN datasets AS dataset USING (dataset)
    WHERE lot = getvariable('lot')
), box_texts AS (
    SELECT
        image,
        box.ingest,
        box,
        confidence,
        json_of([
            member('category', box.category),
            member('bbox', [x_min, y_min, box.width, box.height]),
            member('class', box.class),
            member('confidence', confidence),
            members(box.properties)
        ]) AS text
    FROM boxes AS box
    JOIN images USING (image)
    JOIN levels USING (sequence)
), box_lists AS (
    SELECT
        image,
        string_agg(text, ',' ORDER BY ingest, box) FILTER (confidence IS NULL) AS drawn,
        string_agg(text, ',' ORDER BY ingest, box) FILTER (confidence IS NOT NULL) AS detected
    FROM box_texts
    GROUP BY image
), image_lists AS (
    SELECT
        sequence,
        string_agg(
            json_of([
                member('file', file),
                member('frame_num', frame_num),
                member('class', coalesce(image.class, CASE WHEN list_contains(of_images, 'class') THEN levels.class END)),
                member('datetime', coalesce(image.datetime, CASE WHEN list_contains(of_images, 'datetime') THEN levels.datetime END)),
                CASE WHEN list_contains(of_images, 'location') THEN '"location":' || given_location END,
                member('width', width),
                member('height', height),
                member('uuid', uuid),
                members_among(levels.properties, [name for name in of_images if name <> 'location']),
                members_among(dataset_properties, list_intersect(of_sequences, of_images)),
                members(image.properties),
                CASE WHEN annotated OR drawn IS NOT NULL THEN '"bbox":[' || coalesce(drawn, '') || ']' END,
                '"detections":[' || detected || ']'
            ]),
            ',' ORDER BY frame_num NULLS LAST, file
        ) AS images
    FROM images AS image
    JOIN levels USING (sequence)
    LEFT JOIN box_lists USING (image)
    GROUP BY sequence
), video_lists AS (
    SELECT
        sequence,
        string_agg(
            json_of([
                member('file', file),
                member('class', video.class),
                member('datetime', video.datetime),
                member('frame_rate', frame_rate),
                member('frames', frames),
                members(video.properties)
            ]),
            ',' ORDER BY file
        ) AS videos
    FROM videos AS video
    JOIN levels USING (sequence)
    GROUP BY sequence
)
SELECT json_of([
    member('dataset', dataset),
    member('seq_id', seq_id),
    CASE WHEN NOT list_contains(of_images, 'location') THEN '"location":' || given_location END,
    CASE WHEN NOT list_contains(of_images, 'class') THEN member('class', class) END,
    CASE WHEN NOT list_contains(of_images, 'datetime') THEN member('datetime', datetime) END,
    members_except(properties, list_append(of_images, 'location')),
    members_among(dataset_properties, [name for name in of_sequences if NOT list_contains(of_images, name)]),
    '"images":[' || images || ']',
    '"videos":[' || videos || ']'
])
FROM levels
LEFT JOIN image_lists USING (sequence)
LEFT JOIN video_lists USING (sequence)
ORDER BY dataset, seq_id, sequence
