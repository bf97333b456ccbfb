-- The Encyclopedia of Life's media manifest.
-- required: EOL content ID, EOL Full-Size Copy URL
-- optional: License Name, Copyright Owner
-- makes: source_id, identifier, license, owner
SELECT
    * RENAME (
        "EOL content ID" AS source_id,
        "EOL Full-Size Copy URL" AS identifier,
        "License Name" AS license,
        "Copyright Owner" AS owner
    ),
    coalesce("EOL content ID", '') <> '' AS treeline_keep
FROM input
