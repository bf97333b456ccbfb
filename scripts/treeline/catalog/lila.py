"""The columns of LILA-style CSV, which the reader and the export share.

Format: https://lila.science/taxonomy-mapping-for-camera-trap-data-sets, one row an image and label.
"""

from __future__ import annotations

URLS = ("url_gcp", "url_aws", "url_azure", "url")
RANKS = (
    "kingdom", "phylum", "subphylum", "superclass", "class", "subclass", "infraclass", "superorder", "order",
    "suborder", "infraorder", "superfamily", "family", "subfamily", "tribe", "genus", "species", "subspecies",
    "variety",
)  # fmt: skip
TAXON = ("scientific_name", "common_name", *RANKS)
LEVELS = ("image", "sequence", "unknown")
UNKNOWN_FRAME = -1
COLUMNS = (
    "dataset_name", "url_gcp", "url_aws", "url_azure", "image_id", "sequence_id", "location_id", "frame_num",
    "original_label", "scientific_name", "common_name", "datetime", "annotation_level", *RANKS,
)  # fmt: skip
"""In the order of LILA's own file; one with a single `url` in place of the three is read too."""
