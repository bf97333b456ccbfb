-- The images of the lot `lot` as COCO Camera Traps, a text each. All of it stands on images there: what an image does not
-- say itself, it has of its sequence, and of its data set what was hoisted there and the holder of rights.

WITH levels AS (
    SELECT
        sequence.sequence,
        sequence.dataset,
        sequence.seq_id,
        sequence.location,
        sequence.datetime,
        sequence.properties,
        dataset.properties AS dataset_properties,
        [
            name for name in list_append(dataset.hoisted, 'rights_holder')
            if NOT list_contains(coalesce(json_keys(sequence.properties), []), name)
        ] AS of_dataset
    FROM sequences AS sequence
    JOIN chosen_sequences USING (sequence)
    JOIN datasets AS dataset USING (dataset)
    WHERE lot = getvariable('lot')
), images_of_lot AS (
    SELECT
        image.*,
        levels.* EXCLUDE (sequence, datetime, location, properties),
        coalesce(image.properties ->> '$.location', levels.location) AS location_text,
        coalesce(image.datetime, levels.datetime) AS datetime_text,
        levels.properties AS sequence_properties,
        list_concat(getvariable('image_keys'), coalesce(json_keys(image.properties), [])) AS own_keys
    FROM images AS image
    JOIN levels USING (sequence)
)
SELECT json_of([
    '"id":' || cct_image_id(properties, file),
    member('file_name', file),
    member('width', width),
    member('height', height),
    member('datetime', datetime_text),
    member('location', location_text),
    CASE WHEN seq_id <> 'dummy_' || md5(file) THEN member('seq_id', seq_id) END,  -- made where none was known
    member('frame_num', frame_num),
    members_except(properties, getvariable('image_keys')),
    members_except(sequence_properties, own_keys),
    members_among(dataset_properties, [name for name in of_dataset if NOT list_contains(own_keys, name)])
])
FROM images_of_lot
ORDER BY dataset, seq_id, frame_num NULLS LAST, file
