"""Find out which file holds which image, for groups of images."""
