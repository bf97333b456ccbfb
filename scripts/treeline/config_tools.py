"""The configuration of the stage tools: which tools run over the shards, and on which images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from treeline.config_values import Block, NotEmpty, check_distinct

ImageMaker = Literal["resize", "crop_to_boxes"]
ImageSource = Literal["images", "resize", "crop_to_boxes"]
"""Where shards of images lie: what was downloaded, or a tool's new ones."""

ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Selection(Block):
    """Which images are taken."""

    images_from: ImageSource = "images"
    """`images` for what was downloaded, or the tool whose new images are taken: `resize`, `crop_to_boxes`."""
    keep: Annotated[list[ToolName], AfterValidator(check_distinct)] = []
    """Tools whose verdicts count: an image is taken if each of them says `keep`."""


class ImageVerification(Selection):
    """Check that every image decodes, is what its hash and size say, and shows something."""

    least_deviation: float = Field(2.0, ge=0)
    """Least standard deviation of the grey values, 0 to 127.5, below which an image is blank. 0 lets all pass."""
    most_missing: float = Field(0.05, ge=0, le=1)
    """Largest share of rows at the bottom that are all of one grey, as decoders fill in what was cut off."""


class SizeBased(Selection):
    """Drop small images."""

    threshold_size: int = Field(224, ge=1)
    """Least pixels that the smaller side of the image as served must have."""


class DuplicationBased(Selection):
    """Drop images whose original bytes (MD5) are those of an earlier one, by partition_id, then server_name."""

    against: NotEmpty | None = None
    """Table of an existing collection, CSV or Parquet with a column `hashsum_original`: its images count as earlier."""


class NearDuplicates(Selection):
    """Drop images that look like an earlier one, by their perceptual hash (PDQ)."""

    most_bits: int = Field(31, ge=0, le=31)
    """Most of the 256 bits in which two hashes of the same picture differ."""
    least_quality: int = Field(50, ge=0, le=100)
    """Images of lower quality have too little in them to be compared: they are kept."""


class FilterByUuid(Selection):
    """Keep or drop the images of a list."""

    uuids: NotEmpty
    """The list: CSV or Parquet with a column `uuid`."""
    listed: Literal["keep", "drop"] = "keep"
    """What happens to the images of the list; the others fare the opposite way."""


class Resize(Selection):
    """Make new, smaller images."""

    new_resize_size: int = Field(224, ge=1)
    """Longest side in pixels; smaller images are taken over as they are."""
    jpeg_quality: int = Field(90, ge=1, le=100)
    """Quality of the JPEGs that are written. Raw pixels stay raw pixels."""


class CropToBoxes(Selection):
    """Make an image of each box."""

    boxes: NotEmpty | None = None
    """Table `uuid, x_min, y_min, box_width, box_height` in pixels, perhaps `category`. Null takes the detections."""
    least_confidence: float = Field(0.2, ge=0, le=1)
    """Of detections, the least confidence."""
    padding: float = Field(0.0, ge=0)
    """Added on each side, as a share of the box's."""
    square: bool = False
    """Widen the shorter side to the longer one, as far as the image goes."""
    jpeg_quality: int = Field(90, ge=1, le=100)
    """Quality of the JPEGs that are written."""


class Exif(Selection):
    """Collect what photos say of themselves: when, where and with which camera they were taken."""


class CustomTool(Selection):
    """A tool of yours."""

    file: NotEmpty
    """Python file with a function `judge`: docs/tools.md."""


def _as_block(value: Any) -> Any:
    """Take a path alone for the block that names it."""
    return {"file": value} if isinstance(value, str) else value


class ToolsParameters(Block):
    """The tools to run over the shards: each block that is there switches its tool on. `{}` takes all defaults."""

    image_verification: ImageVerification | None = None
    """Check that every image decodes, is what its hash and size say, and shows something."""
    size_based: SizeBased | None = None
    """Drop small images."""
    duplication_based: DuplicationBased | None = None
    """Drop images of the same bytes as an earlier one."""
    near_duplicates: NearDuplicates | None = None
    """Drop images that look like an earlier one."""
    filter_by_uuid: FilterByUuid | None = None
    """Keep or drop the images of a list."""
    resize: Resize | None = None
    """Make new, smaller images."""
    crop_to_boxes: CropToBoxes | None = None
    """Make an image of each box."""
    exif: Exif | None = None
    """Make one table of what photos say of themselves."""
    custom: dict[
        ToolName, Annotated[CustomTool, BeforeValidator(_as_block, json_schema_input_type=CustomTool | str)]
    ] = {}
    """Tools of yours by name: a Python file, or a block with `file`, `images_from` and `keep`."""

    def items(self) -> Iterator[tuple[str, Selection]]:
        """The tools that are switched on, each with its block."""
        for name, block in self:
            if isinstance(block, Selection):
                yield name, block
        yield from self.custom.items()

    @model_validator(mode="after")
    def _names_are_distinct_and_none_waits_for_itself(self) -> ToolsParameters:
        for name in self.custom:
            if name == "images" or name in type(self).model_fields:
                raise ValueError(f"custom: {name} is the name of a tool that Treeline has; give yours another")
        tools = dict(self.items())
        check_selections(tools, tools)
        try:
            TopologicalSorter({name: needed_tools(block) for name, block in tools.items()}).prepare()
        except CycleError as error:
            raise ValueError(f"tools wait for one another: {' <- '.join(error.args[1])}") from None
        return self


COLLECTION_TOOLS = ("duplication_based", "near_duplicates")
"""Tools whose verdicts depend on the whole collection."""

FILES_OF_TOOLS = ("file", "uuids", "against", "boxes")
"""Keys of tools' blocks that name a file."""

JUDGING_TOOLS = ("image_verification", "size_based", "duplication_based", "near_duplicates", "filter_by_uuid")
"""Treeline's tools that give verdicts, as custom ones do."""


def gives_verdicts(tool: str, block: Selection) -> bool:
    """Whether a tool judges images."""
    return tool in JUDGING_TOOLS or isinstance(block, CustomTool)


def needed_tools(selection: Selection) -> set[str]:
    """Names of the tools that a selection waits for."""
    return {*selection.keep, selection.images_from} - {"images"}


def check_selections(selections: Mapping[str, Selection], tools: Mapping[str, Selection]) -> None:
    """Check that every tool that a selection names is switched on and gives what is asked of it.

    Args:
        selections: By the name of who makes the selection.
        tools: Those that are switched on, by name.

    Raises:
        ValueError: Names the selection and the tool.
    """
    for name, selection in selections.items():
        for needed in sorted(needed_tools(selection)):
            if needed not in tools:
                raise ValueError(f"{name}: {needed} is not switched on; give it a block under tools_parameters")
        for judge in selection.keep:
            if not gives_verdicts(judge, tools[judge]):
                raise ValueError(f"{name}.keep: {judge} gives no verdicts")
