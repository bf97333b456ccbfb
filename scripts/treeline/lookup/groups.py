"""Groups of images: what a group's YAML file says, and the SQL that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from treeline.config_values import Block, NotEmpty
from treeline.errors import InputError
from treeline.io.taxonomy import read_list

GROUP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LIST_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACEHOLDER = re.compile(r"\{(" + _LIST_NAME + r")\}")

Values = Annotated[list[str], Field(min_length=1)]
ListName = Annotated[str, Field(pattern=f"^{_LIST_NAME}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


class GroupError(InputError):
    """A group's definition is refused, or does not fit the metadata.

    Args:
        group: The group's name.
        file: The group's file.
        problem: What is wrong with it.
        field: Key of the file at fault.
    """

    def __init__(self, group: str, file: Path, problem: str, *, field: str | None = None) -> None:
        self.group = group
        super().__init__(file, f"group {group}: {problem}", field=field)


class Sample(Block):
    """A sample of a group, stratum by stratum.

    Of a stratum's n rows, the first floor(fraction * n + 0.5) are taken, in the order of the MD5 of `<seed>:<uuid>`:
    the same ones in every run, whatever the order of the input.
    """

    stratify_by: str
    """Column whose values are the strata."""
    seed: int
    """Another seed draws another sample."""
    fractions: Annotated[dict[str, Fraction], Field(min_length=1)]
    """Share of each stratum that is taken, 0 to 1; a stratum that is not listed is left out."""


class Licenses(Block):
    """Under which licences the images of a group are. What is not known of a licence meets no demand."""

    allow: Annotated[list[str], Field(min_length=1)] | None = None
    """Licences that there may be, each by its SPDX identifier, name or address, with its version."""
    commercial: bool | None = None
    """Whether they allow commercial use."""
    derivatives: bool | None = None
    """Whether they allow to give on what is made of an image."""
    share_alike: bool | None = None
    """Whether they ask to give that on under the same licence."""
    complete: bool = False
    """Keep only images with all that a full credit needs: those that `unlicensed.csv` of the group would not list."""

    @field_validator("allow")
    @classmethod
    def _full(cls, allow: list[str] | None) -> list[str] | None:
        from treeline.io.licenses import normalise

        for name in allow or ():
            if not normalise(name).is_full:
                raise ValueError(f"{name!r} is no full licence: give it with its version, such as CC-BY-4.0")
        return allow

    @model_validator(mode="after")
    def _some_demand(self) -> Licenses:
        if self == Licenses.model_construct():
            raise ValueError("asks for nothing: name allow, commercial, derivatives, share_alike or complete")
        return self


class Definition(Block):
    """The content of `config/groups/<name>.yaml`."""

    description: str
    """What the group is, in a sentence."""
    licenses: Licenses | None = None
    """Keep only images under some licences."""
    table: NotEmpty | None = None
    """Parquet with a column `uuid`, such as a query of the catalogue writes: only its images, with its columns."""
    where: str = Field("", validate_default=True)
    """SQL predicate over the metadata's columns, or over the table's; `{name}` stands for a list of values.

    A NULL result leaves out. Optional where there is a table, or `licenses`.
    """
    columns: list[str] = []
    """Metadata columns to keep beside the standard ones; of a table, all are kept."""
    multiple_images: bool = False
    """Keep only images whose `source_id` has more than one `uuid` among those that pass `where`."""
    sample: Sample | None = None
    """Keep only a sample."""
    lists: dict[ListName, Values] = {}
    """Lists of values for `where`, beside those of the taxonomy folder."""

    @field_validator("where")
    @classmethod
    def _some_choice(cls, where: str, info: ValidationInfo) -> str:
        if where.strip():
            return where
        if info.data.get("table") is None and info.data.get("licenses") is None:
            raise ValueError("is required where there are neither table nor licenses")
        return "true"

    @field_validator("columns")
    @classmethod
    def _no_columns_of_a_table(cls, columns: list[str], info: ValidationInfo) -> list[str]:
        if columns and info.data.get("table") is not None:
            raise ValueError("all columns of a table are kept: leave this out")
        return columns


@dataclass(frozen=True)
class Group:
    """A group that is ready to be selected.

    Args:
        name: The file's name without suffix.
        file: The group's file.
        definition: Its content.
        predicate: `where` with the lists put in.
    """

    name: str
    file: Path
    definition: Definition
    predicate: str

    @property
    def names(self) -> set[str]:
        """All words that may be names of columns which the group asks for, in lower case."""
        sample = self.definition.sample
        named = [*self.definition.columns, *([sample.stratify_by] if sample else [])]
        words = (word for found in re.findall(r'"([^"]+)"|(\w+)', self.predicate) for word in found)
        return {name.lower() for name in (*named, *words)}


def read_groups(files: Iterable[Path], taxonomy: Path) -> list[Group]:
    """Read group definitions.

    Args:
        files: The groups' YAML files.
        taxonomy: Folder of the taxonomic lists.

    Raises:
        GroupError: A file is missing, has an unknown key or a wrong value, or names a list that does not exist.
    """
    return [_read_group(file, taxonomy) for file in files]


def _read_group(file: Path, taxonomy: Path) -> Group:
    name = file.stem
    if not GROUP_NAME.fullmatch(name):
        raise GroupError(name, file, "a group's name is made of letters, digits, '_' and '-'.")
    try:
        definition = Definition.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise GroupError(name, file, f"cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GroupError(name, file, f"is not YAML: {error}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"]) or None
        raise GroupError(name, file, f"{problem['msg']} (found {problem['input']!r:.80}).", field=field) from None
    return Group(name, file, definition, _put_lists_in(name, file, definition, taxonomy))


def _put_lists_in(name: str, file: Path, definition: Definition, taxonomy: Path) -> str:
    def values_of(placeholder: re.Match[str]) -> str:
        list_name = placeholder[1]
        try:
            values = definition.lists.get(list_name) or read_list(taxonomy, list_name)
        except InputError as error:
            raise GroupError(name, file, f"the list {{{list_name}}}: {error}", field="where") from None
        return "(" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + ")"

    return _PLACEHOLDER.sub(values_of, definition.where)
