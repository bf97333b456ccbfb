"""Tracking: what a run leaves behind beside its weights, so that it can be compared, and made again."""
