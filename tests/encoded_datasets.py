"""Small datasets of every task, and their encodings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.config_datasets import EncodingName, EncodingOptions, Task
from treeline.io.datasets.encodings import TARGETS, Encoding, open_encoding, write_encoding
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import Sample
from treeline.io.encode import encode_jpeg, encode_png

CLASSES = ("ant", "deer", "Ära")
SPLITS = ("train", "val", "test")
OF_BYTES: tuple[EncodingName, ...] = ("imagefolder", "hdf5", "tar", "lmdb")
OF_PIXELS: tuple[EncodingName, ...] = ("numpy", "zarr")
KINDS = OF_BYTES + OF_PIXELS
PIXELS_IN_HDF5 = EncodingOptions(kind="hdf5", pixels=True)

Size = tuple[int, int]


def draw_pixels(seed: int, size: Size = (40, 60)) -> npt.NDArray[np.uint8]:
    """A picture that compresses: blocks of colour."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    rows, columns = (np.arange(side) * blocks.shape[axis] // side for axis, side in enumerate(size))
    return blocks[rows[:, None], columns]


def draw_mask(seed: int, size: Size = (40, 60)) -> npt.NDArray[np.uint8]:
    return draw_pixels(seed, size)[..., 0] % len(CLASSES)


def jpegs(count: int, size: Size = (40, 60)) -> list[bytes]:
    return [encode_jpeg(draw_pixels(seed, size), 90) for seed in range(count)]


def make_dataset(
    images: Sequence[bytes], task: Task = "multiclass", masks: Sequence[bytes] = ()
) -> tuple[Metadata, list[Sample]]:
    """Tables and samples; ids have gaps, as after a drop, and samples come in another order than the index."""
    ids = np.arange(len(images), dtype=np.int64) * 3
    names = [f"photos/{number % 2}/{number:03d}.jpg" for number in range(len(images))]
    index = pd.DataFrame({"id": ids, "image_path": names})
    index["sha256"] = [hashlib.sha256(image).hexdigest() for image in images]
    index["split"] = [SPLITS[number % 5 // 3] for number in range(len(images))]
    tables = {"index": index}
    numbers = ids % len(CLASSES) if task == "regression" else np.arange(len(images)) % len(CLASSES)
    labels = pd.DataFrame({"label": [CLASSES[number] for number in numbers], "label_idx": numbers})
    if task == "multiclass":
        tables["index"] = pd.concat([index, labels], axis=1)
    elif task == "regression":
        tables["index"] = index.assign(target=np.sqrt(ids))
    elif task == "multilabel":
        tables["labels"] = pd.concat([index[["id"]], labels], axis=1)[::2].reset_index(drop=True)
    elif task == "segmentation":
        tables["index"] = index.assign(mask_path=[name.replace("jpg", "png") for name in names])
    else:
        sides = {"x": 3.0, "y": 4.0, "width": 30.0, "height": 20.0}
        tables["boxes"] = (
            pd.concat([index[["id"]], labels], axis=1).assign(number=0, **sides)[1:].reset_index(drop=True)
        )
    tables["spatial"] = pd.DataFrame({"id": ids, "image_width": 60, "image_height": 40, "x_gsd": 0.5, "y_gsd": 0.5})
    class_names = () if task == "regression" else CLASSES
    samples = [
        Sample(int(id), image, masks[place] if masks else None)
        for place, (id, image) in enumerate(zip(ids, images, strict=True))
    ]
    return Metadata("example", task, class_names, tables, images=("photos",)), samples[::-1]


def make_segmentation(count: int, size: Size = (40, 60)) -> tuple[Metadata, list[Sample]]:
    return make_dataset(
        jpegs(count, size), "segmentation", [encode_png(draw_mask(seed, size)) for seed in range(count)]
    )


def encode(
    dataset: tuple[Metadata, Sequence[Sample]], folder: Path, options: EncodingOptions | EncodingName
) -> Encoding:
    """Write a dataset, and open it."""
    options = options if isinstance(options, EncodingOptions) else EncodingOptions(kind=options)
    target = folder / TARGETS[options.kind]
    write_encoding(*dataset, target, options)
    return open_encoding(target)


def each(encoding: Encoding) -> Iterator[int]:
    return iter(range(len(encoding.metadata)))


def content_below(path: Path) -> dict[str, bytes]:
    """Bytes of a file, or of every file below a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}
