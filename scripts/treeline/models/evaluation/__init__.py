"""What a trained model gives for each image of a dataset, in one file: `<run>_<dataset>_evaluation.h5`."""
