"""The list of augmentations: read, checked, and done with samples and batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from pydantic import ValidationError

from treeline.config_datasets import Task
from treeline.datasets import boxes
from treeline.datasets.augmentations import geometric, intensity, mixing, values
from treeline.datasets.augmentations.base import Augmentation, Parts
from treeline.datasets.augmentations.mixing import MIXED_TASKS, Mixing
from treeline.errors import ConfigError, InputError

LOCALISATION: tuple[Task, ...] = ("detection", "segmentation")

KINDS: dict[str, type[Augmentation | Mixing]] = {
    kind.name: kind
    for kind in (
        geometric.HorizontalFlip,
        geometric.VerticalFlip,
        geometric.QuarterTurns,
        geometric.Affine,
        geometric.CropResize,
        intensity.Brightness,
        intensity.Contrast,
        intensity.Saturation,
        intensity.Hue,
        intensity.ColourJitter,
        intensity.Gamma,
        intensity.GaussianNoise,
        intensity.GaussianBlur,
        intensity.Grayscale,
        intensity.Solarize,
        intensity.Posterize,
        intensity.Erasing,
        values.ToFloat,
        values.Normalise,
        mixing.CutMix,
        mixing.MixUp,
    )
}


class Augmentations:
    """What is done with samples, one after the other, and with batches.

    Args:
        entries: In their order; those that mix a batch come last.

    Raises:
        ConfigError: An entry cannot come after another one.
    """

    def __init__(self, entries: Sequence[Augmentation | Mixing]) -> None:
        self.of_samples = [entry for entry in entries if isinstance(entry, Augmentation)]
        self.of_batches = [entry for entry in entries if isinstance(entry, Mixing)]
        if list(entries) != [*self.of_samples, *self.of_batches]:
            raise ConfigError(f"{self.of_batches[0].name} mixes a batch: put it last.")
        normalised = False
        for entry in self.of_samples:
            if normalised and isinstance(entry, intensity.Intensity | values.ToFloat | values.Normalise):
                raise ConfigError(
                    f"{entry.name} comes after normalise, which leaves no range to work in: put it before."
                )
            normalised |= isinstance(entry, values.Normalise)

    def check(self, task: Task, channels: Sequence[str]) -> None:
        """Check that they fit a dataset.

        Raises:
            ConfigError: The task needs places, which only geometric augmentations keep right, or has no classes to mix;
                or the images have other bands than are needed.
        """
        for entry in self.of_samples:
            if task in LOCALISATION and not entry.localises:
                fitting = ", ".join(name for name, kind in KINDS.items() if getattr(kind, "localises", False))
                raise ConfigError(f"{entry.name} is not for {task}, which takes only {fitting}.")
            entry.check_channels(channels)
        if self.of_batches and task not in MIXED_TASKS:
            raise ConfigError(f"{self.of_batches[0].name} mixes classes, and is not for {task}.")

    def __call__(self, sample: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        """Change a sample of a `Dataset`.

        Args:
            sample: `{"image": C x H x W, "target": ..., "id": int}`.
            generator: What is drawn comes from it alone, so that it is the same in whatever process.

        Raises:
            ImageError: The image's values are none that an entry can change.
        """
        parts = _parts(sample)
        for entry in self.of_samples:
            parts = entry.apply(parts, generator)
        return {**sample, "image": parts.image, "target": _target(parts, sample["target"])}

    def mix(self, batch: dict[str, Any], classes: int, generator: np.random.Generator) -> dict[str, Any]:
        """Mix the samples of a batch of a classification; without CutMix and MixUp, it is left as it is.

        Args:
            batch: `{"image": B x C x H x W, "target": B, or B x classes, ...}`.
            classes: How many there are.
            generator: What is drawn comes from it alone.

        Returns:
            The batch with B x classes soft labels, float32.
        """
        if not self.of_batches:
            return batch
        images, labels = batch["image"], batch["target"]
        labels = torch.nn.functional.one_hot(labels, classes) if labels.ndim == 1 else labels
        labels = labels.to(torch.float32)
        for entry in self.of_batches:
            images, labels = entry.apply(images, labels, generator)
        return {**batch, "image": images, "target": labels}


def read_augmentations(file: str | Path) -> Augmentations:
    """Read a list of augmentations: YAML, of which each entry is a name with its options.

    Raises:
        InputError: The file is missing or no YAML, a name or an option is unknown, or a value is wrong; names the
            entry by its number, from 1.
    """
    path = Path(file)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(path, f"is not YAML: {error}") from None
    if not isinstance(content, list) or not content:
        raise InputError(path, "is no list of augmentations.", fix="Write one a line, such as: - horizontal_flip: {}")
    entries = [_entry(path, number, entry) for number, entry in enumerate(content, start=1)]
    try:
        return Augmentations(entries)
    except ConfigError as error:
        raise InputError(path, str(error)) from None


def _entry(file: Path, number: int, entry: Any) -> Augmentation | Mixing:
    if not isinstance(entry, dict) or len(entry) != 1:
        fix = "Write it as a name with its options, such as: - horizontal_flip: {probability: 0.5}"
        raise InputError(file, "is no augmentation.", field=str(number), fix=fix)
    [(name, options)] = entry.items()
    if name not in KINDS:
        raise InputError(file, f"there is no augmentation {name!r}; there are {', '.join(KINDS)}.", field=str(number))
    try:
        return KINDS[name].model_validate({} if options is None else options)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, (number, name, *first["loc"])))
        raise InputError(file, first["msg"].removeprefix("Value error, ") + ".", field=field) from None


def _parts(sample: dict[str, Any]) -> Parts:
    image, target = sample["image"], sample["target"]
    if isinstance(target, dict):
        corners = target["boxes"].to(torch.float64).numpy()
        return Parts(image, outlines=boxes.outline(corners), labels=target["labels"])
    is_mask = isinstance(target, torch.Tensor) and target.ndim == 2
    return Parts(image, mask=target) if is_mask else Parts(image)


def _target(parts: Parts, target: Any) -> Any:
    if parts.mask is not None:
        return parts.mask
    if parts.outlines is not None:
        corners = torch.from_numpy(boxes.bounds(parts.outlines)).to(target["boxes"].dtype)
        return {**target, "boxes": corners, "labels": parts.labels}
    return target
