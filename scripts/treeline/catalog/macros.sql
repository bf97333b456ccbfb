-- How text of the sources is read, and written again. Temporary: the catalogue itself needs nothing but its tables.

-- A local time: ISO 8601 (an offset is left off), `YYYY-MM-DD HH:MM:SS`, or EXIF's `YYYY:MM:DD HH:MM:SS`; NULL for others.
CREATE OR REPLACE TEMP MACRO local_time(text) AS try_strptime(
    regexp_replace(text, '(Z|[+-]\d\d:?\d\d)$', ''),
    [
        '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%Y:%m:%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S.%f', '%Y-%m-%d %H:%M:%S.%f',
        '%Y-%m-%dT%H:%M', '%Y-%m-%d'
    ]
);

-- A location, which is JSON, as plain text: a string as it is, anything else as its JSON.
CREATE OR REPLACE TEMP MACRO location_text(location) AS
    CASE json_type(location) WHEN 'VARCHAR' THEN location ->> '$' WHEN 'NULL' THEN NULL ELSE location::VARCHAR END;

-- A JSON object of a group's keys and values, by key; NULL of none. DuckDB's own `json_group_object` takes them as they
-- come, which is another order with other threads. An aggregate.
CREATE OR REPLACE TEMP MACRO ordered_object(key, value) AS (
    '{' || string_agg(to_json(key)::VARCHAR || ':' || coalesce(value::VARCHAR, 'null'), ',' ORDER BY key) || '}'
)::JSON;

-- One JSON object, by key, of two that have no key in common; either may be NULL.
CREATE OR REPLACE TEMP MACRO joined(one, other) AS CASE
    WHEN one IS NULL THEN other
    WHEN other IS NULL THEN one
    ELSE ('{' || array_to_string([
        to_json(entry.key)::VARCHAR || ':' || coalesce(entry.value::VARCHAR, 'null')
        for entry in list_sort(list_concat(
            map_entries(one::MAP(VARCHAR, JSON)), map_entries(other::MAP(VARCHAR, JSON))
        ))
    ], ',') || '}')::JSON
END;

-- The part of a JSON object whose keys are, or are not, in a list; NULL when nothing is left.
CREATE OR REPLACE TEMP MACRO only_keys(object, names) AS (
    SELECT ordered_object(key, value) FROM json_each(object) WHERE list_contains(names, key)
);
CREATE OR REPLACE TEMP MACRO without_keys(object, names) AS (
    SELECT ordered_object(key, value) FROM json_each(object) WHERE NOT list_contains(names, key)
);

-- A JSON object of a map from names to JSON, without what is NULL; NULL when nothing is left.
CREATE OR REPLACE TEMP MACRO object_of(given) AS (
    SELECT ordered_object(pair.key, pair.value)
    FROM (SELECT unnest(map_entries(given)) AS pair)
    WHERE pair.value IS NOT NULL
);

-- The members of a JSON object as text, `"key":value` by key, to write them into another object; NULL for none. With
-- only the keys that are, or are not, in a list.
CREATE OR REPLACE TEMP MACRO members_among(object, names) AS nullif(array_to_string(list_sort([
    to_json(entry.key)::VARCHAR || ':' || coalesce(entry.value::VARCHAR, 'null')
    for entry in map_entries(object::MAP(VARCHAR, JSON)) if list_contains(names, entry.key)
]), ','), '');
CREATE OR REPLACE TEMP MACRO members_except(object, names) AS nullif(array_to_string(list_sort([
    to_json(entry.key)::VARCHAR || ':' || coalesce(entry.value::VARCHAR, 'null')
    for entry in map_entries(object::MAP(VARCHAR, JSON)) if NOT list_contains(names, entry.key)
]), ','), '');
CREATE OR REPLACE TEMP MACRO members(object) AS members_except(object, []);

-- A JSON object of members, each `"key":value` or NULL.
CREATE OR REPLACE TEMP MACRO json_of(parts) AS '{' || array_to_string([part for part in parts if part IS NOT NULL], ',') || '}';
CREATE OR REPLACE TEMP MACRO member(key, value) AS to_json(key)::VARCHAR || ':' || to_json(value)::VARCHAR;

-- A share of an image's width or height in pixels: the number with few decimals that has this very share, if there is one.
CREATE OR REPLACE TEMP MACRO pixels(share, size) AS
    CASE WHEN round(share * size, 6) / size = share THEN round(share * size, 6) ELSE share * size END;
