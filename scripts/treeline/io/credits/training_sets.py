"""Images of datasets and training sets, and what these say of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from treeline.errors import InputError
from treeline.io.credits.columns import COLUMNS

METADATA = "metadata.h5"


class Row(NamedTuple):
    """An image of a set.

    Args:
        file: What the set calls it.
        uuid: Of the image, where the set says it.
        license: As the set says it, like all others.
        title: Of the image.
        source: Where it comes from.
        url: Its address.
        creator: Who made it.
        rights_holder: Whose it is.
    """

    file: str
    uuid: str | None = None
    license: str | None = None
    title: str | None = None
    source: str | None = None
    url: str | None = None
    creator: str | None = None
    rights_holder: str | None = None


def rows_of_training_set(what: Path) -> Iterator[Row] | None:
    """List the images of a set; None where it is none.

    Args:
        what: Folder of a dataset, or its `metadata.h5`; or folder of a training set of boxes (COCO) or of crops.

    Raises:
        InputError: The set cannot be read.
    """
    metadata = what if what.name == METADATA else what / METADATA
    if metadata.is_file():
        return _rows_of_dataset(metadata)
    if annotations := sorted((what / "annotations").glob("instances_*.json")):
        return (row for file in annotations for row in _rows_of_coco(file))
    if (what / "crops.csv").is_file():
        return (row for file in sorted(what.glob("*.tar")) for row in _rows_of_crops(file))
    return None


def _rows_of_dataset(file: Path) -> Iterator[Row]:
    from treeline.io.datasets.metadata import ID, read_metadata

    tables = read_metadata(file).tables
    facts = tables["index"]
    if "additional" in tables:
        kept = tables["additional"]
        facts = facts.merge(kept[[ID, *(name for name in kept if name not in facts)]], on=ID, how="left")
    for row in facts.to_dict("records"):
        yield _row(str(row["image_path"]), {str(name): value for name, value in row.items()})


def _rows_of_coco(file: Path) -> Iterator[Row]:
    import ijson

    try:
        with file.open("rb") as content:
            licenses = {license["id"]: license.get("name") for license in ijson.items(content, "licenses.item")}
        with file.open("rb") as content:
            for image in ijson.items(content, "images.item"):
                yield _row(image["file_name"], {**image, "license": licenses.get(image.get("license"))})
    except (ijson.JSONError, KeyError, TypeError, AttributeError) as error:
        raise InputError(file, f"is no COCO dataset ({error!r}).", fix="Make the training set anew.") from None


def _rows_of_crops(archive: Path) -> Iterator[Row]:
    from treeline.io.tar import read_members

    for member in read_members(archive):
        if member.name.endswith(".json"):
            crop = json.loads(member.data)
            name = "/".join(part for part in (crop.get("dataset"), crop["file"]) if part)
            yield _row(name, {**(crop.get("source") or {}), **_given(crop)})


def _row(file: str, facts: Mapping[str, Any]) -> Row:
    known = {name.lower(): value for name, value in _given(facts).items()}
    names = [("uuid",), *(COLUMNS[name] for name in Row._fields[2:])]
    found = [next((known[name.lower()] for name in columns if name.lower() in known), None) for columns in names]
    return Row(file, *(str(value) if value else None for value in found))


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, "")}
