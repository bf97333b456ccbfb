"""Say of each image what a model makes of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError, InputError
from treeline.io.atomic import atomic_folder
from treeline.io.datasets.encodings.sizes import resize_mask
from treeline.io.datasets.samples import decode_bands
from treeline.io.encode import encode_png
from treeline.io.image_names import inner_path, unique_paths
from treeline.io.image_sources import Place
from treeline.models.facts import ModelFacts
from treeline.models.inference import OnnxModel
from treeline.models.predict.answers import MOST_CLASSES_IN_MASK, columns_of, mask_of, row_of
from treeline.models.predict.images import (
    Failures,
    Numbers,
    Ready,
    failures_file,
    failures_of,
    find_named,
    load_named,
    make_ready,
    run_in_batches,
)
from treeline.models.predict.table_file import table_file

log = logging.getLogger(__name__)

IMAGE = "image"


@dataclass(frozen=True)
class PredictOptions:
    """How images are predicted.

    Args:
        top: As in `columns_of`.
        batch_size: Images that the model sees at once.
        threads: Most threads that it computes with.
        max_pixels: Largest height x width of an image that is decoded.
    """

    top: int | None = None
    batch_size: int = 32
    threads: int = 1
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Predicted:
    """Counts that add up to the images of the sources."""

    predictions: int
    failures: int


def predict(model_file: Path, sources: Sequence[Path], output: Path, options: PredictOptions) -> Predicted:
    """Write a row for each image that can be read, and a list of the others beside it, in the order of the sources.

    Bytes do not depend on the size of the batches. Memory holds the names of the images, and a batch.

    Args:
        model_file: What `treeline models export` has written.
        sources: Folders, archives and shards of images.
        output: `.parquet` or `.csv`; `<output>.failures.csv` and, of a segmentation, the folder `<output>.masks` are
            written beside it, both without the ending of `output`.
        options: How.

    Raises:
        InputError: There is no model, no source or no image, two images have one name, or `top` is asked of a model
            that has no best classes.
        ShardError: An archive or shard is damaged.
    """
    model = OnnxModel(model_file, threads=options.threads)
    facts = model.facts
    _check_options(model_file, facts, options)
    is_segmentation = facts.task == "segmentation"
    masks = _masks_of(output)
    if is_segmentation and masks.exists() and not failures_of(output).exists():
        raise InputError(masks, "is there already, and of no earlier run.", fix="Give another --output.")
    places = find_named(sources, masks)
    predictions = 0
    with ExitStack() as stack:
        show = _Masks(stack.enter_context(atomic_folder(masks)), masks, places) if is_segmentation else None
        schema = pa.schema([(IMAGE, pa.string()), *columns_of(facts, options.top)])
        write = stack.enter_context(table_file(output, schema))
        # Entered last, it is there first: by it an earlier run's masks are known.
        failures = stack.enter_context(failures_file(failures_of(output)))
        for name, ready, outputs in run_in_batches(model, _ready(model, places, failures, options), options.batch_size):
            if not np.isfinite(outputs).all():
                failures.add(name, "the model gives NaN or infinity")
                continue
            path = [] if show is None else [show.write(name, outputs, ready)]
            write([name, *path, *row_of(facts, outputs, options.top)])
            predictions += 1
        counts = Predicted(predictions, failures.count)
    log.info("%s: %d images; %d cannot be predicted", output, counts.predictions, counts.failures)
    return counts


def _check_options(file: Path, facts: ModelFacts, options: PredictOptions) -> None:
    if options.top is not None and facts.task != "multiclass":
        raise InputError(file, f"is a model of {facts.task}; best classes are of multiclass.", fix="Leave --top out.")
    if facts.task == "segmentation" and len(facts.class_names) > MOST_CLASSES_IN_MASK:
        raise InputError(file, f"has more than the {MOST_CLASSES_IN_MASK} classes that a mask can show.")


class _Masks:
    """Writes masks of the images' sizes.

    Args:
        folder: Where they are written.
        final: What `folder` will be.
        places: All images.
    """

    def __init__(self, folder: Path, final: Path, places: Mapping[str, Place]) -> None:
        wanted = {name: _png(inner_path(place.path, name)) for name, place in places.items()}
        self._folder, self._name, self._paths = folder, final.name, unique_paths(wanted)

    def write(self, image: str, outputs: Numbers, ready: Ready) -> str:
        """Write an image's mask, and give its path from the folder of the table."""
        path = self._folder / self._paths[image]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(resize_mask(mask_of(outputs), ready.size)))
        return str(PurePosixPath(self._name) / self._paths[image])


def _ready(
    model: OnnxModel, places: Mapping[str, Place], failures: Failures, options: PredictOptions
) -> Iterator[tuple[str, Ready]]:
    for image in load_named(places, failures):
        try:
            yield image.name, make_ready(model, decode_bands(image.data, max_pixels=options.max_pixels))
        except ImageError as error:
            failures.add(image.name, str(error))


def _masks_of(output: Path) -> Path:
    return output.with_name(f"{output.stem}.masks")


def _png(path: PurePosixPath) -> PurePosixPath:
    return path.with_name(f"{path.name}.png")
