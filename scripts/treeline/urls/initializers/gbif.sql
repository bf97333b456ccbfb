-- GBIF's multimedia table, alone or joined with its occurrences as a Darwin Core archive does: still images,
-- and not those of specimens that are only cited in the literature.
-- required: gbifID, identifier
-- optional: type, format, basisOfRecord
-- makes: source_id
SELECT
    * RENAME (gbifID AS source_id),
    coalesce(gbifID, '') <> ''
    AND (type = 'StillImage' OR (coalesce(type, '') = '' AND format ILIKE '%image%'))
    AND replace(upper(coalesce(basisOfRecord, '')), '_', '') NOT LIKE '%MATERIALCITATION%' AS treeline_keep
FROM input
