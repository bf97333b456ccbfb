"""The files of a dataset: its tables, its samples, its encodings.

Several stages read them, and none owns them: `datasets` makes them, `analyze` measures what is in them.
"""
