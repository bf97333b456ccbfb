"""What an evaluation says about a model: how good it is and how sure that is, where it errs, and what it looks at.

`findings` counts, without a picture: it gives tables. `figures` draws these, and `report` makes one page of them.
"""
