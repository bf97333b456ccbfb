"""How tables call what is to be said of an image."""

from __future__ import annotations

from collections.abc import Mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "license": ("license", "licence", "license_name"),
    "title": ("title",),
    "source": ("source",),
    "url": ("identifier", "url"),
    "creator": ("creator", "photographer", "author"),
    "rights_holder": ("rightsHolder", "rights_holder", "owner"),
    "observer": ("recordedBy",),
}
"""What is known of an image, and the columns that say it, whatever their case: the first that gives something counts.

An observer, who may not have taken the picture, stands for the creator where neither creator nor rights holder is
known.
"""
