"""Of which parts models are: an encoder turns images into maps of features, a decoder turns those into outputs."""
