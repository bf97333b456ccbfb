"""What the catalogue can write: one module a format, each with a function `write(connection, target, ...)`."""
