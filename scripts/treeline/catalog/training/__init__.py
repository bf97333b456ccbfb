"""Training sets: images with boxes for a detector, crops with labels for a classifier.

`choice` says which images are meant and what is known of them, `images` finds and reads them, `detector_set` and
`crop_set` make the two kinds of set; `labels` reads what a classifier is to tell apart, `crop_splits` splits locations.
"""
