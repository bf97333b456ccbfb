-- Where the staged source says of a data set what another source contradicts: the oldest one that says anything of it.
-- Null, an empty text or an empty list contradicts nothing, but an empty path does. Values are JSON.

CREATE OR REPLACE TEMP TABLE contradictions AS
WITH told AS (
    SELECT 0 AS ingest, * FROM staged_datasets
    UNION ALL BY NAME
    SELECT *
    FROM descriptions
    SEMI JOIN staged_datasets USING (dataset)
    SEMI JOIN (
        FROM other_ingests WHERE NOT coalesce(list_contains(getvariable('superseded'), name), false)
    ) USING (ingest)
), columns_told AS (
    SELECT ingest, dataset, unnest([
        {'field': 'storage_account', 'value': to_json(nullif(storage_account, ''))},
        {'field': 'container', 'value': to_json(container)},
        {'field': 'path_prefix', 'value': to_json(path_prefix)},
        {'field': 'container_sas_key', 'value': to_json(container_sas_key)},
        {'field': 'access', 'value': CASE WHEN len(access) > 0 THEN to_json(list_sort(access)) END},
        {'field': 'comment', 'value': to_json(nullif(comment, ''))}
    ], recursive := true)
    FROM told
), fields AS (
    SELECT ingest, dataset, field, value::VARCHAR AS value FROM columns_told
    UNION ALL
    SELECT ingest, dataset, key, value::VARCHAR
    FROM told, json_each(told.properties)
    WHERE value::VARCHAR NOT IN ('null', '""')
), firsts AS (
    SELECT dataset, field, arg_min(value, ingest) AS value, min(ingest) AS ingest
    FROM fields
    WHERE ingest > 0 AND value IS NOT NULL
    GROUP BY dataset, field
)
SELECT dataset, field, mine.value AS mine, ingests.name AS other, firsts.value AS theirs
FROM (FROM fields WHERE ingest = 0) AS mine
JOIN firsts USING (dataset, field)
JOIN ingests ON ingests.ingest = firsts.ingest
WHERE mine.value <> firsts.value;
