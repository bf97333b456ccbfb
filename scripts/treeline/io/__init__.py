"""Shared input and output: what every stage relies on and no stage owns.

`atomic` whole-or-absent files and `scratch` the folders that they are made in, `names` names that are safe as paths,
`manifest` the list of batches, `parquet` the project's Parquet habits, and `lean_arrow` Arrow without pandas, `images`,
`resize`, `encode` and `exif` pixels in and out, `tar` archives with an index, `database` DuckDB within a memory limit,
`files`, `delimited` and `darwin_core` the tables that users bring, `csv_tables` those that they get, `taxonomy` the
shipped lists.
"""
