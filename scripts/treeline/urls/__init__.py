"""Turn a table of image URLs into batches, one server and at most batch_size rows each."""
