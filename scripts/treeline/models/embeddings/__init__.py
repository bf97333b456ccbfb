"""Embeddings of any collection: `shard` makes those of a decoded shard, `search` finds what is nearest to an image."""
