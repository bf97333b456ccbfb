"""Kinds of values in the configuration, and how each is checked."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

CHECKPOINT_SUFFIX = ".pt"
DETECTOR_NAMES = (
    *("cedar", "default", "larch", "md1000", "md1000-cedar", "md1000-larch", "md1000-redwood", "md1000-sorrel"),
    *("md1000-spruce", "md5", "mdv1000", "mdv1000-cedar", "mdv1000-larch", "mdv1000-redwood", "mdv1000-sorrel"),
    *("mdv1000-spruce", "mdv5", "mdv5a", "mdv5b", "megadetector", "redwood", "spruce", "v1000-cedar", "v1000-larch"),
    *("v1000-redwood", "v1000-sorrel", "v1000-spruce", "v1000.0.0-cedar", "v1000.0.0-larch", "v1000.0.0-redwood"),
    *("v1000.0.0-sorrel", "v1000.0.0-spruce", "v5a.0.0", "v5a.0.1", "v5b.0.0", "v5b.0.1"),
)
"""Names and aliases of PyTorch models that the megadetector package knows; to ask it takes 0.7 s, in every job."""


class Block(BaseModel):
    """A block of the configuration: unknown keys, values of a wrong type and numbers that are none are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def _path(name: str) -> str:
    if not name.strip() or not name.isprintable() or "{" in name or "}" in name:
        raise ValueError("must be a path without control characters and braces")
    return name


def _relative_name(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a relative path that stays under path_to_output")
    return name


def check_distinct(values: list[str]) -> list[str]:
    """Refuse a list that has a value twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} is there twice")
    return values


def _detector(model: str) -> str:
    if PurePosixPath(model).suffix != CHECKPOINT_SUFFIX and model.lower() not in DETECTOR_NAMES:
        raise ValueError("must be a checkpoint file (.pt), or a known name such as MDV5A, MDV5B or MDV1000-redwood")
    return model


NotEmpty = Annotated[str, Field(min_length=1)]
OutputPath = Annotated[str, AfterValidator(_path)]
RelativeName = Annotated[OutputPath, AfterValidator(_relative_name)]
Confidence = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
GroupNames = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]], AfterValidator(check_distinct)
]
# RFC 9110: a field's name is a token (5.6.2); of its value, what every client and server takes (5.5).
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$")]
DetectorName = Annotated[str, AfterValidator(_detector)]
