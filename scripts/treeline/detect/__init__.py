"""Find animals, persons and vehicles with MegaDetector.

`model` finds the checkpoint, `source` the images, `detector` runs one on the other, `results` is the file they make,
`shard` does it all for one shard, and `merge` makes one table of all shards.
"""
