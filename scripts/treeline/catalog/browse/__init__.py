"""A page to look around in the catalogue, on this machine alone unless asked otherwise.

A request becomes a `Search`, that becomes a `Query`, and a template shows its rows with the SQL that gave them.
"""
