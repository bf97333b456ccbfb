"""Run tools over the shards: verdicts on images, new images, and what photos say of themselves.

A tool that judges gives each image of a shard a verdict (`judge`), by a function over batches of rows (`size_based`,
`image_verification`, `filter_by_uuid`, `custom`), or by what the whole collection holds (`duplicates`, found by
`duplication_based` and `near_duplicates`). A tool that makes images writes new shards (`resize`, `crop_to_boxes`).
No tool changes a shard.
"""
