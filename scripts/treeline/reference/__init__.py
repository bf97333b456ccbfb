"""The page that describes every file and column: `docs/files.md`, made from the schemas that the stages write with."""
