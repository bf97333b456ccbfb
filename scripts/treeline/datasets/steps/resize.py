"""Make images no larger than needed; boxes and masks go along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pydantic import Field

from treeline.config_values import Block
from treeline.datasets.steps import Outcome
from treeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from treeline.io.datasets.metadata import Metadata
    from treeline.io.datasets.samples import Sample

ARCHIVE = "images.tar"


class Options(Block):
    """How large, and how written."""

    longest_side: int = Field(ge=1)
    """Of an image, in pixels; a smaller image stays as it is, byte for byte."""
    jpeg_quality: int = Field(90, ge=1, le=100)
    """Of JPEGs; images of other formats become PNG."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Write all images into an archive, a mask next to its image.

    Raises:
        InputError: A raster is among them, of which the pixels have a place on the ground, or an image cannot be read.
    """
    from dataclasses import replace

    import pandas as pd

    from treeline.io.datasets.encodings.sizes import resize_boxes
    from treeline.io.datasets.metadata import ID
    from treeline.io.datasets.samples import read_samples
    from treeline.io.tar import tar_writer

    facts = metadata.index[[ID, "image_path"]].merge(metadata.tables["spatial"], on=ID)
    facts = facts.merge(metadata.tables["additional"][[ID, "format", "problem"]], on=ID).set_index(ID)
    _check(metadata, facts)
    names = _names(metadata, facts, options.longest_side)
    masks = metadata.index.set_index(ID)["mask_path"].to_dict() if "mask_path" in metadata.index else {}
    scales: dict[int, tuple[float, float]] = {}
    with tar_writer(folder / ARCHIVE) as tar:
        for sample in read_samples(metadata):
            image, mask, scales[sample.id] = _resize(sample, options)
            tar.add(names[sample.id], image)
            if mask is not None:
                tar.add(masks[sample.id], mask)
    index = metadata.index.assign(image_path=metadata.index[ID].map(names))
    resized = replace(metadata.with_tables(index=index), images=(str(folder / ARCHIVE),))
    if "boxes" in resized.tables:
        factors = pd.DataFrame.from_dict(scales, orient="index", columns=["x", "y"])
        resized = resized.with_tables(boxes=resize_boxes(resized.tables["boxes"], factors))
    return Outcome(resized, has_new_images=True)


def _check(metadata: Metadata, facts: pd.DataFrame) -> None:
    columns = facts["image_path"].tolist(), facts["format"].tolist(), facts["problem"].tolist()
    for name, encoded_as, problem in zip(*columns, strict=True):
        if problem:
            fix = "Drop it before: drop_missing, drop_unreadable."
            raise InputError(metadata.name, f"{name}: {problem}.", field="resize", fix=fix)
        if encoded_as == "tiff":
            problem = "a TIFF is not resized, as its pixels may have a place on the ground"
            raise InputError(metadata.name, f"{name}: {problem}.", field="resize")


def _names(metadata: Metadata, facts: pd.DataFrame, longest_side: int) -> Mapping[int, str]:
    """Names in the archive: as they were, with the ending of what the images become."""
    from treeline.io.image_names import inner_path, split_ending, unique_paths
    from treeline.io.names import IMAGE_EXTENSIONS

    is_small = facts[["image_width", "image_height"]].max(axis=1) <= longest_side
    formats = facts["format"].where(is_small | (facts["format"] == "jpeg"), "png")
    wanted: dict[str, PurePosixPath] = {}
    for name, encoded_as in zip(facts["image_path"].tolist(), formats.tolist(), strict=True):
        renamed = f"{split_ending(name)[0]}.{IMAGE_EXTENSIONS[encoded_as]}"
        wanted[name] = inner_path(Path(metadata.name), renamed)
    given = unique_paths(wanted)
    return {id: str(given[name]) for id, name in zip(facts.index.tolist(), facts["image_path"].tolist(), strict=True)}


def _resize(sample: Sample, options: Options) -> tuple[bytes, bytes | None, tuple[float, float]]:
    """The image and the mask, and by how much they are smaller in width and height."""
    import cv2

    from treeline.io.datasets.encodings.sizes import resize_mask
    from treeline.io.datasets.samples import decode_mask
    from treeline.io.encode import encode_jpeg, encode_png
    from treeline.io.exif import kept_exif
    from treeline.io.images import UPRIGHT, read_header
    from treeline.io.resize import decode_reduced, fit

    header = read_header(sample.data)
    height, width = header.upright_size
    target = fit((height, width), options.longest_side)
    if target == (height, width):
        return sample.data, sample.mask, (1.0, 1.0)
    pixels = decode_reduced(sample.data, options.longest_side, header)
    exif = kept_exif(sample.data, UPRIGHT)
    is_jpeg = header.format == "jpeg"
    image = encode_jpeg(pixels, options.jpeg_quality, exif) if is_jpeg else encode_png(pixels, exif)
    mask = None
    if sample.mask is not None:
        encoded, buffer = cv2.imencode(".png", resize_mask(decode_mask(sample.mask), target))
        assert encoded  # PNG takes any mask
        mask = buffer.tobytes()
    return image, mask, (target[1] / width, target[0] / height)
