"""Find animals, persons and vehicles with MegaDetector.

`model` finds the checkpoint, `treeline.io.shard_sources` the images, `detector` runs one on the other with no more of
YOLOv5 than it needs (`lean_yolov5`), `shard` does it all for one shard, and `merge` makes one table of all shards.
"""
