"""Work with detector results: read, check, merge, convert, clean up, smooth, evaluate, look at, sort and cut out.

Every command takes files of the MegaDetector results format, from 1.3 on, whoever made them. `read` is where all of
them come in.
"""
