"""The steps of cleaning: a module each, with its options, and `apply`, which makes new metadata of the last.

A step gives what it drops with the reason; a sample is never silently gone. One that makes new images writes them into
an archive of its own, and they are measured anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pydantic import ValidationError

from treeline.config_values import Block
from treeline.datasets.description import Description
from treeline.errors import InputError

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata

STEPS = (
    "drop_missing",
    "drop_unreadable",
    "drop_duplicates",
    "drop_near_duplicates",
    "rename_labels",
    "select",
    "limit_per_class",
    "resize",
)


@dataclass(frozen=True)
class Outcome:
    """What a step has made.

    Args:
        metadata: Of all samples, those to be dropped among them.
        dropped: Reason by id.
        has_new_images: Whether the images are others than before.
    """

    metadata: Metadata
    dropped: Mapping[int, str] = field(default_factory=dict)
    has_new_images: bool = False


class _Module(Protocol):
    Options: type[Block]

    def apply(self, metadata: Metadata, options: Any, folder: Path) -> Outcome: ...


class Step(NamedTuple):
    """A step that a description asks for.

    Args:
        name: Its module.
        options: What it is told.
    """

    name: str
    options: Block

    def apply(self, metadata: Metadata, folder: Path) -> Outcome:
        """Do it; new images go into `folder`."""
        return _module(self.name).apply(metadata, self.options, folder)


def read_steps(file: Path, description: Description) -> list[Step]:
    """Check the steps of a description.

    Args:
        file: Where it is from.
        description: Its content.

    Raises:
        InputError: There is no such step, or it has no such option; names it.
    """
    return [
        _read_step(file, number, name, options)
        for number, step in enumerate(description.steps)
        for name, options in step.items()
    ]


def _read_step(file: Path, number: int, name: str, options: Any) -> Step:
    place = f"steps[{number}].{name}"
    if name not in STEPS:
        raise InputError(file, f"there is no such step; there are: {', '.join(STEPS)}.", field=place)
    try:
        return Step(name, _module(name).Options.model_validate({} if options is None else options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join((place, *map(str, first["loc"])))
        raise InputError(file, first["msg"].removeprefix("Value error, ") + ".", field=where) from None


def _module(name: str) -> _Module:
    module: _Module = import_module(f"{__name__}.{name}")
    return module
