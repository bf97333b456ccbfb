"""Datasets: from images and what is known of them to files that people train on and analyse.

A dataset is described in `config/datasets/<name>.yaml`. Its metadata go through steps, each of which reads the tables
that the one before has written (`metadata.h5`) and writes its own; the last are the dataset's. Then it is divided
(`splits.parquet`), and written in one or more encodings, each of which stands on its own.
"""
