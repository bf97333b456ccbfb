"""Keep the samples of which a condition holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from treeline.config_values import Block, NotEmpty
from treeline.datasets.steps import Outcome
from treeline.errors import ConfigError, InputError
from treeline.io.datasets.conditions import ids_where

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata


class Options(Block):
    """What is kept."""

    where: NotEmpty
    """Condition in DuckDB's SQL over the columns of `index`, `spatial`, `temporal` and `additional`; others can be
    asked: `id IN (SELECT id FROM boxes WHERE width > 20)`. What is neither true nor false is dropped."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Drop the samples of which the condition does not hold.

    Raises:
        InputError: It is no condition, or names what is not there.
    """
    try:
        kept = ids_where(metadata, options.where)
    except ConfigError as error:
        raise InputError(metadata.name, str(error), field="select.where") from None
    reason = f"not {options.where}"
    return Outcome(metadata, {id: reason for id in metadata.index["id"].tolist() if id not in kept})
