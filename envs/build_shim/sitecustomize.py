"""Build ultralytics-yolov5 where its README's host does not answer.

The package comes as source only, and its setup.py downloads a README for the long description, without a time limit:
offline, or behind a strict firewall, the build fails or hangs. With this folder on PYTHONPATH the build asks for the
README as before, and goes on with an empty one when it does not come. `envs/install.sh` sets PYTHONPATH for that one
build and for nothing else.
"""

from __future__ import annotations

import io
import sys
import urllib.request
from typing import IO, Any

_TIMEOUT_SECONDS = 10
_urlopen = urllib.request.urlopen


def _urlopen_or_empty(url: Any, *args: Any, **kwargs: Any) -> IO[bytes]:
    """Open `url` as urllib does, but answer an unreachable README with no bytes."""
    address = url if isinstance(url, str) else url.full_url
    if not address.endswith("/README.md"):
        return _urlopen(url, *args, **kwargs)
    try:
        return _urlopen(url, timeout=_TIMEOUT_SECONDS)
    except OSError as error:
        print(f"{address} did not answer ({error}); building with an empty description", file=sys.stderr)
        return io.BytesIO()


urllib.request.urlopen = _urlopen_or_empty
