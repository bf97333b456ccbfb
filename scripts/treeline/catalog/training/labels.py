"""What a classifier is to tell apart: which classes of which data sets become which label.

deer:                                  # the label
  include:
    classes: [deer, roe deer]          # in every data set
    classes_of: {caltech: [cervid]}    # in one data set
    taxa: {family: [cervidae]}         # classes whose properties say so, in the table `classes`
  exclude:                             # the same three, taken out again
    classes_of: {idaho: [deer]}
  maximum: 1000                        # crops
  priority: [caltech, idaho]           # data sets from which crops are taken first; others come last
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import duckdb
import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from treeline.catalog.classes import EMPTY, UNAVAILABLE
from treeline.errors import InputError

log = logging.getLogger(__name__)

NO_LABEL = (EMPTY, UNAVAILABLE)
"""Classes that are no label of their own where no specification asks for them."""

LABEL_CLASSES = pa.schema(
    {
        "dataset": pa.string(),
        "class": pa.string(),
        "label": pa.string(),
        "maximum": pa.int64(),
        "tier": pa.int64(),
    }
)


class Terms(BaseModel):
    """Classes, named in up to three ways."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    classes: list[str] = []
    classes_of: dict[str, list[str]] = {}
    taxa: dict[str, list[str]] = {}


class Label(BaseModel):
    """A label of the classifier."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    include: Terms
    exclude: Terms = Terms()
    maximum: int | None = Field(default=None, gt=0)
    priority: list[str] = []


class KnownClass(NamedTuple):
    """A class of a data set.

    Args:
        dataset: The data set.
        name: The class.
        properties: What the table `classes` says of it.
    """

    dataset: str
    name: str
    properties: dict[str, Any]


Labels = dict[str, Label]
_LABELS = TypeAdapter(Annotated[Labels, Field(min_length=1)])


def read_labels(file: Path) -> Labels:
    """Read a specification.

    Raises:
        InputError: It is no YAML of this form; names the first field that is wrong.
    """
    try:
        return _LABELS.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(file, "no such file.", fix="Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(file, f"is no YAML in UTF-8 ({' '.join(str(error).split())}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        fix = "" if first["loc"] else "Write a label a key: docs/catalog-training.md."
        raise InputError(file, f"{first['msg']}.", field=".".join(map(str, first["loc"])) or None, fix=fix) from None


def stage_labels(connection: duckdb.DuckDBPyConnection, file: Path | None) -> None:
    """Make the table `label_classes`: dataset, class, label, maximum, tier.

    Args:
        connection: With `training_images`.
        file: A specification; None where each class is a label of its own, `empty` and `__label_unavailable` aside.

    Raises:
        InputError: The specification is refused, or a class would get two labels.
    """
    known = list(_known_classes(connection))
    rows: list[tuple[str, str, str, int | None, int]]
    if file is None:
        rows = [(one.dataset, one.name, one.name, None, 0) for one in known if one.name not in NO_LABEL]
    else:
        rows = _label(file, read_labels(file), known)
    columns = dict(zip(LABEL_CLASSES.names, zip(*rows, strict=True), strict=True)) if rows else {}
    table = pa.table(
        {name: pa.array(columns.get(name, ()), LABEL_CLASSES.field(name).type) for name in LABEL_CLASSES.names}
    )
    connection.register("label_rows", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE label_classes AS SELECT * FROM label_rows")
    connection.unregister("label_rows")


def _known_classes(connection: duckdb.DuckDBPyConnection) -> Iterator[KnownClass]:
    rows = connection.execute("""
        SELECT dataset, class, any_value(properties)
        FROM (SELECT DISTINCT dataset, labels[1] AS class FROM training_images WHERE len(labels) = 1)
        LEFT JOIN classes USING (dataset, class)
        GROUP BY dataset, class
        ORDER BY dataset, class
    """).fetchall()
    for dataset, name, properties in rows:
        yield KnownClass(dataset, name, json.loads(properties) if properties is not None else {})


def _label(file: Path, labels: Labels, known: list[KnownClass]) -> list[tuple[str, str, str, int | None, int]]:
    owners: dict[tuple[str, str], str] = {}
    rows = []
    for name, label in labels.items():
        chosen = [one for one in known if _matches(one, label.include) and not _matches(one, label.exclude)]
        if not chosen:
            log.warning("%s: no image is of any class of the label %r", file, name)
        for one in chosen:
            other = owners.setdefault((one.dataset, one.name), name)
            if other != name:
                problem = f"the class {one.name!r} of {one.dataset} is in it, and in {other!r} too."
                raise InputError(file, problem, field=name, fix="Exclude it from one of them.")
            tiers = {dataset: tier for tier, dataset in reversed(list(enumerate(label.priority)))}
            tier = tiers.get(one.dataset, len(label.priority))
            rows.append((one.dataset, one.name, name, label.maximum, tier))
    return rows


def _matches(one: KnownClass, terms: Terms) -> bool:
    if one.name in terms.classes or one.name in terms.classes_of.get(one.dataset, ()):
        return True
    return any(
        str(one.properties.get(rank, "")).lower() == name.lower()
        for rank, names in terms.taxa.items()
        for name in names
    )
