"""A folder in a store of objects, of any kind that fsspec knows, with its errors in the words of Treeline.

Credentials come from the environment, where each store's library looks for them: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY` and `AWS_ENDPOINT_URL` for S3 and what speaks like it. They are in no URL and in no message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from treeline.errors import InputError, TreelineError
from treeline.io.names import CREDENTIALS_OF_URL, mask_credentials

BLOCK_BYTES = 4 * 2**20
SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)
LEAST_SECRET_CHARACTERS = 4


class Store:
    """A folder of objects.

    Args:
        url: Such as `s3://bucket/folder`; without a bucket, as in `s3://`, that of `name` is meant.
        name: The dataset's.

    Raises:
        InputError: The URL has credentials in it, or is of a kind that nothing installed speaks.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url = mask_credentials(url)
        if re.match(CREDENTIALS_OF_URL, url):
            raise InputError(self.url, "has credentials in it.", fix="Leave them out, and set them in the environment.")
        with self._spoken():
            self._files, root = fsspec.core.url_to_fs(url)
            self._files.invalidate_cache()
            # As the store itself writes a path, that of memory with a slash before it.
            self._root = str(self._files._strip_protocol(root or name)).rstrip("/")

    def name_of(self, name: str) -> str:
        """What an object is called in messages."""
        return f"{self.url.rstrip('/')}/{name}"

    def sizes(self) -> dict[str, int]:
        """Bytes of each object, by its name below the folder; none where there is no such folder."""
        with self._spoken():
            try:
                found = self._files.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        start = len(self._root) + 1
        return {path[start:]: facts["size"] for path, facts in found.items() if facts["type"] == "file"}

    def read(self, name: str) -> bytes | None:
        """Read a small object; None where there is none."""
        with self._spoken():
            try:
                return bytes(self._files.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def blocks(self, name: str) -> Iterator[bytes]:
        """Read an object, some bytes at a time.

        Raises:
            InputError: It is not there, or cannot be read.
        """
        with self._spoken():
            try:
                file = self._files.open(self._path(name), "rb")
            except FileNotFoundError:
                raise InputError(self.name_of(name), "is not there.", fix="Push the folder anew.") from None
        with file:
            while True:
                with self._spoken():
                    block = file.read(BLOCK_BYTES)
                if not block:
                    return
                yield block

    def write(self, name: str, content: bytes) -> None:
        """Write a small object."""
        with self._spoken():
            self._files.pipe_file(self._path(name), content)

    def make_folders(self, names: set[str]) -> None:
        """Make the folders, and the bucket, where the store wants them to be there before what is in them."""
        with self._spoken():
            for name in sorted(names):
                self._files.makedirs(self._path(name).rstrip("/"), exist_ok=True)

    def send(self, file: Path, name: str) -> None:
        """Write an object from a file, of any size."""
        with self._spoken():
            self._files.put_file(str(file), self._path(name))

    def remove(self, name: str) -> None:
        """Remove an object."""
        with self._spoken():
            self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turn whatever a store's library raises into an error that names the store and no secret."""
        try:
            yield
        except TreelineError:
            raise
        except Exception as error:  # each library has its own, and they have nothing in common
            text = f"{type(error).__name__}: {_without_secrets(str(error))}"
            fix = "Check the URL, and the credentials in the environment."
            raise InputError(self.url, f"the store cannot be used ({text}).", fix=fix) from None


def _without_secrets(text: str) -> str:
    secrets = {value for name, value in os.environ.items() if SECRET_NAME.search(name)}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= LEAST_SECRET_CHARACTERS:
            text = text.replace(secret, "***")
    return mask_credentials(text)
