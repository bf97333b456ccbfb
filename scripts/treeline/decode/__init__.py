"""Write shards as archives of images that every tool can read.

`shard` decodes one file, `files` a whole collection of them, `archive` is what they write to.
"""
