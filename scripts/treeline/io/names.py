"""Names from outside, made safe as file names, and for logs and tables.

A server's name or an image's identifier comes from a table that anyone may have written. These functions are the
only way from such a string to a path, so that no input can name a file outside its folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

MAX_FILE_NAME_BYTES = 255  # NAME_MAX of ext4, XFS, Lustre and GPFS
SERVER_FOLDER_PREFIX = "server_name="

IMAGE_EXTENSIONS: Mapping[str, str] = {
    "jpeg": "jpg",
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "tiff": "tif",
    "bmp": "bmp",
    "avif": "avif",
}
"""Extension of each image format, as most tools expect it; WebDataset decodes `jpg` and `png` of itself."""

IMAGE_SUFFIXES = frozenset(f".{extension}" for extension in (*IMAGE_EXTENSIONS.values(), "jpeg", "tiff"))
"""Endings of images' names, in lower case."""

# A dot is not allowed: WebDataset takes what stands before the first dot of a member's name as its key.
UUID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
_UUID = re.compile(UUID_PATTERN)

CREDENTIALS_OF_URL = r"^([^/?#]*//)[^/?#]*@"
"""User name and password of a text that is one URL; both Python's `re` and DuckDB read it."""
MASKED_CREDENTIALS = r"\1***@"
# In running text a URL ends where white space begins. What stands before the scheme keeps this linear.
_CREDENTIALS_IN_TEXT = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#]*@")


def encode_server_name(server_name: str) -> str:
    """Percent-encode a server's network location for use as one folder name.

    Args:
        server_name: Host with an optional port, such as `example.org:8080`.

    Returns:
        The same with everything but letters, digits and `_.-~` encoded: `example.org%3A8080`.

    Raises:
        ValueError: The folder `server_name=...` would be longer than file systems allow.
    """
    encoded = quote(server_name, safe="")
    if len(SERVER_FOLDER_PREFIX) + len(encoded) > MAX_FILE_NAME_BYTES:
        raise ValueError(f"server name of {len(server_name)} characters is too long for a folder name")
    return encoded


def decode_server_name(encoded: str) -> str:
    """Turn a folder's percent-encoded server name back into host and port."""
    return unquote(encoded)


def is_safe_uuid(uuid: str) -> bool:
    """Whether `uuid` can name a file and a tar member: letters, digits, `_` and `-`, at most 128."""
    return _UUID.fullmatch(uuid) is not None


def mask_credentials(text: str) -> str:
    """Put `***` for user name and password of every URL in a text: `http://***@example.org/`."""
    return _CREDENTIALS_IN_TEXT.sub(MASKED_CREDENTIALS, text)


def server_of_folder(folder: Path) -> str | None:
    """The server's name (not encoded) of a path, by its last folder `server_name=...`; None without one."""
    for part in reversed(folder.parts):
        if part.startswith(SERVER_FOLDER_PREFIX):
            return decode_server_name(part.removeprefix(SERVER_FOLDER_PREFIX))
    return None
