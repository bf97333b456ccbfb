"""Report: what became of every row of the input, on one page.

`measure` makes tables (`tables.py`) of what the files under the output folder say, one module a subject in `facts`;
`page` draws them. The page knows the tables and nothing else.
"""
