"""Write subsets of the images, as lookup tables name them."""
