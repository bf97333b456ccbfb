"""Analysis: what a dataset's images and labels are like, and what that advises for training.

`measure` goes through the images once, in several processes, and makes tables (`tables.py`) of what it has counted;
`report` draws them. Both work on whatever has a dataset's tables: what was taken in, cleaned, or sampled, and any
encoding.
"""
