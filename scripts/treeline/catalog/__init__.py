"""The catalogue: data sets, sequences, images, boxes, classes and splits, in one file that everyone can query."""
