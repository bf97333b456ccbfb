-- The data sets, with what is known of each; keys are left out.

SELECT dataset, access, storage_account, container, path_prefix, comment, properties
FROM datasets
ORDER BY dataset
