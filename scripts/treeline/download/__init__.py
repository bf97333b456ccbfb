"""Fetch batches of URLs into shards of images, politely and so that nothing is lost."""
