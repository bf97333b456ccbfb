"""Mirror a dataset's folder to a store of objects, and back.

The store has the folder's files under their own names, and a manifest with the size and the checksum of each. A push
first takes away what says that the mirror is whole, then sends what differs, and writes the manifest last: a pull of a
mirror that is being changed is refused. What has been sent is noted in the store as the push goes on, so that the next
push after a kill sends the rest.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from treeline.datasets.mirror_manifest import (
    MANIFEST,
    UNFINISHED,
    Entry,
    entry_of,
    from_json,
    has_content,
    list_files,
    merge,
    to_json,
)
from treeline.datasets.mirror_store import Store
from treeline.errors import InputError
from treeline.io.atomic import atomic_path, write_bytes

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Files that are sent, or fetched, at the same time."""
NOTED_FILES, NOTED_BYTES = 256, 2**30
"""After so many, what has been sent is noted: a killed push sends at most these again."""

NOTE = re.compile(UNFINISHED + r"/(\d{6,})\.json")

Given = TypeVar("Given")
Made = TypeVar("Made")


class Mirrored(NamedTuple):
    """What was done.

    Args:
        files: Files of the dataset.
        moved: Of these, how many were sent or fetched.
        moved_bytes: Their bytes.
    """

    files: int
    moved: int
    moved_bytes: int

    def __str__(self) -> str:
        return f"{self.files:,} files, of which {self.moved:,} differed ({self.moved_bytes:,} bytes)"


def push(folder: Path, url: str) -> Mirrored:
    """Bring a mirror up to date with a folder.

    Args:
        folder: A dataset's folder; hidden files stay behind.
        url: Where to; a URL without a bucket means one of the folder's name.

    Raises:
        InputError: The folder has no files, or the store cannot be used.
    """
    names = list_files(folder)
    if not names:
        raise InputError(folder, "has no files." if folder.is_dir() else "no such folder.", fix="Make the dataset.")
    store = Store(url, folder.resolve().name)
    wanted = dict(zip(names, _at_once(lambda name: entry_of(folder / name), names), strict=True))
    sizes = store.sizes()
    notes = sorted(filter(NOTE.fullmatch, sizes))
    known = merge(_read_list(store, name) for name in (MANIFEST, *notes))
    kept = {name: entry for name, entry in wanted.items() if known.get(name) == entry and sizes.get(name) == entry.size}
    if kept == wanted == known and MANIFEST in sizes:
        return Mirrored(len(wanted), 0, 0)
    missing = [name for name in names if name not in kept]
    _send(store, folder, {name: wanted[name] for name in missing}, kept, [*notes, *({MANIFEST} & sizes.keys())])
    for name in sorted((known.keys() - wanted.keys()) & sizes.keys()):
        store.remove(name)
    store.write(MANIFEST, to_json(wanted))
    for name in filter(NOTE.fullmatch, store.sizes()):
        store.remove(name)
    return Mirrored(len(wanted), len(missing), sum(wanted[name].size for name in missing))


def pull(url: str, folder: Path) -> Mirrored:
    """Bring a folder up to date with a mirror; each file is whole, and has the checksum of the manifest.

    Args:
        url: What `push` has written to.
        folder: Files in it that no pull has brought stay.

    Raises:
        InputError: There is no finished mirror, its manifest is refused, a file in it is not what the manifest says,
            or the store cannot be used.
    """
    store = Store(url, folder.resolve().name)
    content = store.read(MANIFEST)
    if content is None:
        fix = "Push it, or wait until the push has ended."
        raise InputError(store.name_of(MANIFEST), "there is no finished mirror.", fix=fix)
    files = from_json(content, store.name_of(MANIFEST))
    for name in files:
        _check_inside(folder, name)
    is_there = _at_once(lambda name: has_content(folder / name, files[name]), files)
    missing = [name for name, found in zip(files, is_there, strict=True) if not found]
    _forget_last_pull(folder, files)
    for _ in _at_once(lambda name: _fetch(store, name, folder / name, files[name]), missing):
        pass  # an error in one of them is raised here
    write_bytes(folder / MANIFEST, content)
    return Mirrored(len(files), len(missing), sum(files[name].size for name in missing))


def _send(store: Store, folder: Path, missing: dict[str, Entry], kept: dict[str, Entry], outdated: list[str]) -> None:
    """Send files; `outdated` are the lists in the store that may say of them what is no longer true."""
    folders = {str(PurePosixPath(name).parent) for name in missing} - {"."}
    store.make_folders({"", UNFINISHED, *folders})
    first = 1 + max((int(found[1]) for found in map(NOTE.fullmatch, outdated) if found), default=-1)
    store.write(_note(first), to_json(kept))
    for name in outdated:
        store.remove(name)
    for number, batch in enumerate(_batches(missing), start=first + 1):
        for _ in _at_once(lambda name: store.send(folder / name, name), batch):
            pass  # an error in one of them is raised here
        store.write(_note(number), to_json(batch))
        log.info("%d files sent", len(batch))


def _note(number: int) -> str:
    return f"{UNFINISHED}/{number:06d}.json"


def _read_list(store: Store, name: str) -> dict[str, Entry]:
    content = store.read(name)
    return {} if content is None else from_json(content, store.name_of(name))


def _batches(files: dict[str, Entry]) -> Iterator[dict[str, Entry]]:
    batch: dict[str, Entry] = {}
    for name, entry in files.items():
        batch[name] = entry
        if len(batch) == NOTED_FILES or sum(one.size for one in batch.values()) >= NOTED_BYTES:
            yield batch
            batch = {}
    if batch:
        yield batch


def _check_inside(folder: Path, name: str) -> None:
    """Refuse a name that leads out of the folder through a link in it."""
    if not (folder / name).parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(folder / name, "leads out of the folder through a link.", fix="Pull into a new folder.")


def _forget_last_pull(folder: Path, files: dict[str, Entry]) -> None:
    """Remove what the last pull brought and this mirror has no more, and the mark that the folder is whole."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return
    for name in from_json(manifest.read_bytes(), str(manifest)).keys() - files.keys():
        _check_inside(folder, name)
        (folder / name).unlink(missing_ok=True)
    manifest.unlink()


def _fetch(store: Store, name: str, target: Path, entry: Entry) -> None:
    """Read an object into a file, which is there only if it is the right one.

    Raises:
        InputError: It is not what the manifest says.
    """
    digest, size = hashlib.sha256(), 0
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        for block in store.blocks(name):
            file.write(block)
            digest.update(block)
            size += len(block)
            if size > entry.size:
                break
        if (size, digest.hexdigest()) != (entry.size, entry.sha256):
            raise InputError(store.name_of(name), "is not what the manifest says.", fix="Push the folder anew.")


def _at_once(work: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """Do something with each item, some at the same time; results in the items' order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(work, items)
