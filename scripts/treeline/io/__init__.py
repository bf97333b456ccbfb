"""Shared input and output: what every stage relies on and no stage owns.

`atomic` whole-or-absent files, `names` names that are safe as paths, `parquet` the project's Parquet habits,
`images` pixels in and out, `tar` archives with an index, `database` DuckDB within a memory limit.
"""
