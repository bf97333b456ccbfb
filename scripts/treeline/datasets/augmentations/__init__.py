"""Augmentations: a list in YAML of what is done with the samples that a model is trained on.

`geometric` has those that move pixels, `intensity` those that change values, `values` those that say what values are,
`mixing` those that mix a batch. Kornia does the work, with what is drawn from a generator of the sample's own: the
same seed gives the same samples, in whatever process they are made.
"""

from treeline.datasets.augmentations.listed import Augmentations, read_augmentations

__all__ = ["Augmentations", "read_augmentations"]
