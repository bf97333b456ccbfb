"""What the catalogue can be written as: one module a format, each with a function `export`."""
