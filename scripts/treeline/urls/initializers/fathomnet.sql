-- FathomNet's images: those that it calls valid. Its uuid becomes source_id; all carry its one licence.
-- required: uuid, url, valid
-- makes: source_id, identifier, license
SELECT
    * RENAME (uuid AS source_id, url AS identifier),
    'https://creativecommons.org/licenses/by-nc-nd/4.0/legalcode' AS license,
    coalesce(uuid, '') <> '' AND lower(valid) IN ('true', 't', '1') AS treeline_keep
FROM input
