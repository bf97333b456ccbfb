-- Ids of images and annotations, as JSON: those that are given, or where two are the same, all made of names of files.

CREATE OR REPLACE TEMP MACRO given_id(object) AS
    CASE WHEN json_type(object, '$.id') IN ('VARCHAR', 'BIGINT', 'UBIGINT') THEN (object -> '$.id')::VARCHAR END;

SET VARIABLE image_ids_differ = (
    SELECT count(*) = count(DISTINCT md5_number(coalesce(given_id(images.properties), to_json(file)::VARCHAR)))
    FROM images JOIN chosen_sequences USING (sequence)
);

SET VARIABLE annotation_ids_differ = (
    WITH annotated AS (
        SELECT image, images.properties FROM images JOIN chosen_sequences USING (sequence)
    ), given AS (
        SELECT given_id(unnest((properties -> '$.cct_annotations[*][1]'))) AS id FROM annotated
        UNION ALL
        SELECT given_id(boxes.properties) FROM boxes JOIN annotated USING (image)
    )
    SELECT count(id) = count(DISTINCT md5_number(id)) FROM given
);

CREATE OR REPLACE TEMP MACRO cct_image_id(properties, file) AS coalesce(
    CASE WHEN getvariable('image_ids_differ') THEN given_id(properties) END, to_json(file)::VARCHAR
);
CREATE OR REPLACE TEMP MACRO cct_annotation_id(fields, made) AS coalesce(
    CASE WHEN getvariable('annotation_ids_differ') THEN given_id(fields) END, to_json(made)::VARCHAR
);
