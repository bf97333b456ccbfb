"""Treeline: from a table of image URLs to an attributed, checked, detected and queryable image collection."""

__version__ = "0.1.0"
