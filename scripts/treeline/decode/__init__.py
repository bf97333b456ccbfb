"""Write shards as archives of images that every tool can read."""
