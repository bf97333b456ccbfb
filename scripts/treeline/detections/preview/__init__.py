"""Make a gallery of detector results: a folder that opens in any browser, from a disk as well as from a server.

`write` is where it is put together; `../gallery/` holds the page itself.
"""
