"""Train the tiny detector on synthetic scenes and write its checkpoint.

    .venv/bin/python resources/detector/train_tiny_detector.py [CHECKPOINT]

Takes six minutes on one thread. The same versions of the packages on the same kind of processor give the same bytes.
"""

from __future__ import annotations

import argparse
import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scenes import CATEGORIES, scene
from tiny_model import IMAGE_SIZE, checkpoint_bytes, detection_loss, tiny_model
from torch import Tensor, nn

from treeline.io.atomic import write_bytes

CHECKPOINT = Path(__file__).with_name("tiny_detector.pt")

SEED = 0
STEPS = 1000
BATCH_SIZE = 16
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 5e-3
RENDERED_SCENES = 1800
"""Scenes drawn before they are shown again, flipped and in another light."""

_WIDTH, _HEIGHT = IMAGE_SIZE, IMAGE_SIZE * 3 // 4
_PADDING = -_HEIGHT % 32
"""Rows of grey that make the height a multiple of the largest stride, as the detector pads its input."""
_PADDING_ABOVE = _PADDING // 2
_PADDED_HEIGHT = _HEIGHT + _PADDING


@dataclass(frozen=True)
class Example:
    """A rendered scene at the size of the training, and what it shows."""

    pixels: NDArray[np.uint8]
    """Height x width x 3, RGB."""
    classes: NDArray[np.float32]
    """One number an object: its index in `CATEGORIES`."""
    boxes: NDArray[np.float32]
    """Objects x 4: left, top, right, bottom in pixels."""


def main() -> None:
    """Train, and write the checkpoint."""
    parser = argparse.ArgumentParser(description="Train the tiny detector on synthetic scenes.")
    parser.add_argument("checkpoint", type=Path, nargs="?", default=CHECKPOINT, help="file to write")
    checkpoint: Path = parser.parse_args().checkpoint
    write_bytes(checkpoint, checkpoint_bytes(train()))
    print(f"wrote {checkpoint}")


def train() -> nn.Module:
    """Train the network and return the moving average of its weights, which detects better than the last ones."""
    torch.manual_seed(SEED)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.set_num_threads(1)  # the order of sums, and so the weights, depends on the number of threads
    cv2.setNumThreads(1)
    # Channels last trains five times as fast on a CPU.
    model = tiny_model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss_of = detection_loss(model)
    optimizer = _optimizer(model)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=STEPS, pct_start=0.1, div_factor=20, final_div_factor=50
    )
    average = copy.deepcopy(model).eval()
    batches = _batches(np.random.default_rng(SEED))
    for step in range(STEPS):
        images, targets = next(batches)
        model.train()
        loss, parts = loss_of(model(images), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        _update_average(average, model, decay=min(0.995, (1 + step) / (10 + step)))
        if step % 50 == 0:
            print(f"step {step}: box, object and class loss {parts.numpy().round(4)}", flush=True)
    finished: nn.Module = average.to(memory_format=torch.contiguous_format)
    return finished


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Decay the weights of convolutions, but neither biases nor normalization."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            (decayed if name == "weight" and parameter.ndim > 1 else free).append(parameter)
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0}]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.99))


@torch.no_grad()
def _update_average(average: nn.Module, model: nn.Module, *, decay: float) -> None:
    for averaged, current in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if averaged.dtype.is_floating_point:
            averaged.mul_(decay).add_(current, alpha=1 - decay)


def _batches(rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches for ever.

    Yields:
        Images, batch x 3 x height x width, 0 to 1; and targets, objects x 6: index of the image in the batch, class,
        then centre x, centre y, width and height as shares of the image.
    """
    rendered: list[Example] = []
    while True:
        images, targets = [], []
        for index in range(BATCH_SIZE):
            if len(rendered) < RENDERED_SCENES:
                rendered.append(_render(rng))
                example = rendered[-1]
            else:
                example = rendered[rng.integers(len(rendered))]
            image, boxes = _augment(rng, example)
            images.append(image.transpose(2, 0, 1))
            targets.append(_targets(index, example.classes, boxes))
        pixels = (torch.from_numpy(np.stack(images)) / 255).to(memory_format=torch.channels_last)
        yield pixels, torch.from_numpy(np.concatenate(targets))


def _render(rng: np.random.Generator) -> Example:
    """Draw a scene at one to three times the size, and shrink it as the detector shrinks photographs."""
    scale = int(rng.choice([1, 2, 3]))
    pixels, objects = scene(rng, _WIDTH * scale, _HEIGHT * scale)
    shrunk = cv2.resize(pixels, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR)
    boxes = [(one.left, one.top, one.right, one.bottom) for one in objects]
    return Example(
        pixels=shrunk.astype(np.uint8, copy=False),
        classes=np.array([CATEGORIES.index(one.category) for one in objects], np.float32),
        boxes=(np.array(boxes).reshape(-1, 4) / scale).astype(np.float32),
    )


def _augment(rng: np.random.Generator, example: Example) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mirror every other image, vary contrast and brightness, and pad it as the detector does.

    Returns:
        Padded height x width x 3, 0 to 255; and the boxes in it.
    """
    pixels, boxes = example.pixels.astype(np.float32), example.boxes.copy()
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
        boxes[:, [0, 2]] = _WIDTH - boxes[:, [2, 0]]
    mean = pixels.mean()
    pixels = np.clip((pixels - mean) * rng.uniform(0.8, 1.2) + mean * rng.uniform(0.8, 1.2), 0, 255)
    rows = (_PADDING_ABOVE, _PADDING - _PADDING_ABOVE)
    pixels = np.pad(pixels, (rows, (0, 0), (0, 0)), constant_values=114)
    boxes[:, [1, 3]] += _PADDING_ABOVE
    return pixels, boxes


def _targets(index: int, classes: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    left, top, right, bottom = boxes.T
    columns = [
        np.full(len(boxes), index, np.float32),
        classes,
        (left + right) / 2 / _WIDTH,
        (top + bottom) / 2 / _PADDED_HEIGHT,
        (right - left) / _WIDTH,
        (bottom - top) / _PADDED_HEIGHT,
    ]
    return np.stack(columns, axis=1)


if __name__ == "__main__":
    main()
