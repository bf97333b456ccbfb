"""Who made images, under which licence they may be published, and where they come from.

What a table of URLs said of its images is in the batches; a subset's own columns add to it. From both comes a table of
a row an image, and a text that credits them: title, author, source and licence, as Creative Commons recommends
(https://wiki.creativecommons.org/wiki/Recommended_practices_for_attribution).
"""
