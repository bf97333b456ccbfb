-- A Tree of Life table of several sources: those in `data_sources` of the configuration. `excluded_servers` is checked
-- later, for every initializer.
-- required: data_source, source_url
-- optional: source_id
-- makes: identifier
SELECT
    * RENAME (source_url AS identifier),
    list_contains(getvariable('data_sources'), data_source) AS treeline_keep
FROM input
