"""What people write as a licence, as one of the licences that there are.

Tables of images name their licences in free text, as codes, or by address. `normalise` finds the one that is meant,
with its SPDX identifier (https://spdx.org/licenses/), its canonical address and what it allows; what is not recognised,
or says less than a licence, stays that: nothing is guessed. `known.csv` and `jurisdictions.csv` are the tables behind.
"""

from treeline.io.licenses.columns import LICENSE_COLUMNS, make_license_table
from treeline.io.licenses.license import License, Status
from treeline.io.licenses.normalise import address_of, normalise

__all__ = ["LICENSE_COLUMNS", "License", "Status", "address_of", "make_license_table", "normalise"]
