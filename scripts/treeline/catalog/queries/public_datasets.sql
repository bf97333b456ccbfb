-- The data sets that are public.

SELECT dataset, access, storage_account, container, path_prefix, comment, properties
FROM datasets
WHERE list_contains(access, 'public')
ORDER BY dataset
