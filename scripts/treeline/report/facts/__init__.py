"""What the files under the output folder say, a module a subject; each function makes the rows of one table."""
