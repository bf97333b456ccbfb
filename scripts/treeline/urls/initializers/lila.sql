-- LILA's camera trap images, from the first cloud that has them; images labelled empty are left out.
-- required: image_id, original_label
-- optional: url_gcp, url_aws, url_azure
-- makes: source_id, identifier
SELECT
    * RENAME (image_id AS source_id),
    coalesce(nullif(url_gcp, ''), nullif(url_aws, ''), nullif(url_azure, '')) AS identifier,
    original_label <> 'empty' AS treeline_keep
FROM input
