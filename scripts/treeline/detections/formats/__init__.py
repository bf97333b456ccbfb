"""The other formats that results are converted to and from: one module a format.

In all of them a category is called by its name, as `categories.name_categories` leaves it.
"""
