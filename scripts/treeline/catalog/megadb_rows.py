"""What MegaDB requires of a data set and the catalogue does not have, or does not give away."""

from __future__ import annotations

NO_KEY = "?se=1970-01-01T00%3A00%3A00Z&sig=withheld"
"""In the place of a `container_sas_key`, which must not be empty: a key that has expired, and that opens nothing."""

NO_CONTAINER = "__unavailable"
"""In the place of a `container`, which must not be empty: the images are in none that anybody told of."""
