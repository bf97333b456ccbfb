"""Draw synthetic camera-trap scenes: animals, people and vehicles on noisy backgrounds.

The tiny detector is trained and measured on these scenes, and the demo's servers hand them out as photographs.
A scene depends on the generator and the arguments alone: the same seed gives the same pixels. The order of the random
draws is part of that promise: a draw added or moved changes every later scene, and with them the trained checkpoint.

Needs numpy and OpenCV only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

CATEGORIES = ("animal", "person", "vehicle")

Canvas: TypeAlias = NDArray[np.float32]
"""Height x width x 3, blue-green-red as OpenCV draws, nominally 0 to 255."""

Colour: TypeAlias = NDArray[np.float64]
"""Blue, green, red, 0 to 255."""

_GROUNDS = [(60, 95, 60), (95, 110, 90), (120, 110, 80), (150, 140, 120), (70, 70, 60)]
_COATS = [(35, 60, 95), (60, 85, 120), (30, 35, 45), (120, 140, 155), (60, 70, 80)]
_PAINTS = [(200, 60, 40), (40, 40, 200), (210, 210, 210), (40, 170, 200), (60, 60, 60), (60, 130, 60)]
_TEXTURES = [(80, 9, 1), (20, 11, 1), (5, 14, 3)]
"""Blurred noise from fine to coarse: cells across the image, amplitude, channels."""

_HALF_EXTENTS = {"animal": (0.55, 0.4), "person": (0.25, 0.52), "vehicle": (0.5, 0.28)}
"""Half width and half height of a figure, as shares of its size."""

_PLACING_ATTEMPTS = 12
_SMALLEST_VISIBLE_AREA = 12
_INFRARED_SHARE = 0.33


@dataclass(frozen=True)
class SceneObject:
    """One visible object and its tight box in pixels; `right` and `bottom` are exclusive."""

    category: str
    left: float
    top: float
    right: float
    bottom: float


def scene(
    rng: np.random.Generator, width: int, height: int, *, max_objects: int = 3, empty_share: float = 0.2
) -> tuple[NDArray[np.uint8], list[SceneObject]]:
    """Draw one scene.

    Args:
        rng: Source of every random choice; it is advanced.
        width: Pixels.
        height: Pixels.
        max_objects: A scene that is not empty holds 1 to `max_objects`, fewer where they find no room.
        empty_share: Probability that a scene holds nothing, 0 to 1.

    Returns:
        Height x width x 3 RGB pixels, and the objects in the order they were drawn.
    """
    infrared = rng.random() < _INFRARED_SHARE
    canvas = _background(rng, width, height)
    count = 0 if rng.random() < empty_share else int(rng.integers(1, max_objects + 1))
    objects: list[SceneObject] = []
    for _ in range(count):
        _place(rng, canvas, objects)
    return _expose(rng, canvas, infrared=infrared), objects


def _background(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Paint textured ground under a lighter band of sky, with trunks, grass, and stones as distractors."""
    canvas: Canvas = np.zeros((height, width, 3), np.float32)
    ground = np.array(rng.choice(_GROUNDS), np.float32)
    canvas += ground * rng.uniform(0.6, 1.3)
    for cells, amplitude, channels in _TEXTURES:
        cell_values = rng.normal(0, 1, (max(2, cells * height // width), cells, channels)).astype(np.float32)
        noise = cv2.resize(cell_values, (width, height), interpolation=cv2.INTER_CUBIC)
        canvas += noise.reshape(height, width, channels) * (amplitude * rng.uniform(0.6, 1.3))
    horizon = int(height * rng.uniform(0.15, 0.5))
    canvas[:horizon] += rng.uniform(-10, 45)
    light = np.linspace(rng.uniform(0.75, 1.1), rng.uniform(0.75, 1.1), height, dtype=np.float32)
    canvas *= light[:, None, None]
    _draw_trunks(rng, canvas)
    _draw_grass(rng, canvas)
    _draw_stones(rng, canvas, ground)
    return canvas


def _draw_trunks(rng: np.random.Generator, canvas: Canvas) -> None:
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(0, 5)):
        x = int(rng.uniform(0, width))
        thickness = int(width * rng.uniform(0.01, 0.04)) + 1
        bark = np.array((45, 55, 70)) * rng.uniform(0.5, 1.3)
        foot = (x + int(rng.normal(0, width * 0.03)), int(height * rng.uniform(0.5, 1)))
        cv2.line(canvas, (x, 0), foot, bark.tolist(), thickness)


def _draw_grass(rng: np.random.Generator, canvas: Canvas) -> None:
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(0, 40)):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(height * 0.4, height))
        length = height * rng.uniform(0.02, 0.08)
        tip = (int(x + rng.normal(0, length * 0.4)), int(y - length))
        cv2.line(canvas, (x, y), tip, (40, 110 * rng.uniform(0.5, 1.4), 60), max(1, width // 500))


def _draw_stones(rng: np.random.Generator, canvas: Canvas, ground: Canvas) -> None:
    height, width = canvas.shape[:2]
    for _ in range(rng.integers(0, 4)):
        x, y = int(rng.uniform(0, width)), int(rng.uniform(height * 0.4, height))
        radius = int(width * rng.uniform(0.01, 0.05)) + 1
        colour = (ground * rng.uniform(0.7, 1.4)).tolist()
        cv2.ellipse(canvas, (x, y), (radius, max(1, radius // 2)), 0, 0, 360, colour, -1)


def _place(rng: np.random.Generator, canvas: Canvas, objects: list[SceneObject]) -> None:
    """Draw one more object where it overlaps none of `objects`, and append it; give up after some attempts."""
    height, width = canvas.shape[:2]
    category = CATEGORIES[int(rng.integers(0, len(CATEGORIES)))]
    for _ in range(_PLACING_ATTEMPTS):
        size = height * rng.uniform(0.16, 0.62)
        half_width, half_height = (share * size for share in _HALF_EXTENTS[category])
        if half_width * 2 > width * 0.9 or half_height * 2 > height * 0.9:
            continue
        x, y = rng.uniform(half_width, width - half_width), rng.uniform(half_height, height - half_height)
        room = SceneObject(category, x - half_width, y - half_height, x + half_width, y + half_height)
        if any(_overlap(room, other) for other in objects):
            continue
        figure = _Figure(rng, canvas, x, y, size)
        _SHAPES[category](figure)
        box = figure.paint()
        if box is not None:
            objects.append(SceneObject(category, *box))
            return


def _overlap(one: SceneObject, other: SceneObject) -> bool:
    return (
        min(one.right, other.right) > max(one.left, other.left)
        and min(one.bottom, other.bottom) > max(one.top, other.top)
    )  # fmt: skip


class _Figure:
    """An object under construction: its parts, in units of its size and about its centre."""

    def __init__(self, rng: np.random.Generator, canvas: Canvas, x: float, y: float, size: float) -> None:
        self.rng = rng
        self.facing = 1 if rng.random() < 0.5 else -1
        self._canvas = canvas
        self._x, self._y, self._size = x, y, size
        self._parts: list[tuple[NDArray[np.uint8], Canvas]] = []

    def point(self, x: float, y: float) -> tuple[int, int]:
        return round(self._x + x * self._size), round(self._y + y * self._size)

    def length(self, share: float) -> int:
        return max(1, round(share * self._size))

    def part(self, colour: Colour) -> NDArray[np.uint8]:
        """Begin a part and return the empty mask to draw it in."""
        mask = np.zeros(self._canvas.shape[:2], np.uint8)
        self._parts.append((mask, colour.astype(np.float32)))
        return mask

    def lines(self, colour: Colour, thickness: float, *lines: tuple[tuple[float, float], tuple[float, float]]) -> None:
        mask = self.part(colour)
        for start, end in lines:
            cv2.line(mask, self.point(*start), self.point(*end), 255, self.length(thickness))

    def ellipse(self, colour: Colour, centre: tuple[float, float], half_width: float, half_height: float) -> None:
        axes = self.length(half_width), self.length(half_height)
        cv2.ellipse(self.part(colour), self.point(*centre), axes, 0, 0, 360, 255, -1)

    def circles(self, colour: Colour, radius: float, *centres: tuple[float, float]) -> None:
        mask = self.part(colour)
        for centre in centres:
            cv2.circle(mask, self.point(*centre), self.length(radius), 255, -1)

    def rectangles(self, colour: Colour, *corners: tuple[tuple[float, float], tuple[float, float]]) -> None:
        mask = self.part(colour)
        for corner, opposite in corners:
            cv2.rectangle(mask, self.point(*corner), self.point(*opposite), 255, -1)

    def polygon(self, colour: Colour, *corners: tuple[float, float]) -> None:
        cv2.fillPoly(self.part(colour), [np.array([self.point(*corner) for corner in corners])], 255)

    def paint(self) -> tuple[float, float, float, float] | None:
        """Paint the parts in order; return left, top, right, bottom in pixels, or None when hardly a pixel shows."""
        outline = np.zeros(self._canvas.shape[:2], bool)
        for mask, colour in self._parts:
            inside = mask > 0
            outline |= inside
            self._canvas[inside] = colour + self.rng.normal(0, 7, (int(inside.sum()), 1))
        rows, columns = np.nonzero(outline)
        if len(columns) < _SMALLEST_VISIBLE_AREA:
            return None
        return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def _shape_animal(figure: _Figure) -> None:
    """Four legs under a body, a neck with a head at one end, a tail at the other."""
    uniform, facing = figure.rng.uniform, figure.facing
    coat = np.array(figure.rng.choice(_COATS)) * uniform(0.7, 1.1)
    figure.ellipse(coat, (0, 0), 0.32, uniform(0.13, 0.19))
    for leg in (-0.24, -0.15, 0.15, 0.24):
        figure.lines(coat * 0.8, 0.055, ((leg, 0.05), (leg + uniform(-0.06, 0.06), 0.36)))
    head_x, head_y = facing * uniform(0.40, 0.46), uniform(-0.28, -0.05)
    figure.lines(coat, 0.12, ((facing * 0.24, -0.04), (head_x, head_y)))
    figure.ellipse(coat * 1.1, (head_x + facing * 0.03, head_y), 0.12, 0.075)
    figure.lines(coat, 0.04, ((-facing * 0.3, -0.05), (-facing * uniform(0.38, 0.45), uniform(-0.12, 0.12))))


def _shape_person(figure: _Figure) -> None:
    """Upright: legs, torso, arms, head."""
    uniform = figure.rng.uniform
    shirt, trousers = uniform(20, 230, 3), uniform(15, 120, 3)
    skin = np.array((110, 150, 200)) * uniform(0.5, 1.1)
    left_leg = ((-0.05, 0.1), (-uniform(0.05, 0.14), 0.5))
    right_leg = ((0.05, 0.1), (uniform(0.05, 0.14), 0.5))
    figure.lines(trousers, 0.09, left_leg, right_leg)
    figure.lines(shirt, 0.2, ((0, -0.22), (0, 0.1)))
    left_arm = ((-0.1, -0.24), (-uniform(0.14, 0.22), uniform(0, 0.1)))
    right_arm = ((0.1, -0.24), (uniform(0.14, 0.22), uniform(0, 0.1)))
    figure.lines(shirt * 0.85, 0.06, left_arm, right_arm)
    figure.circles(skin, 0.085, (0, -0.41))


def _shape_vehicle(figure: _Figure) -> None:
    """A box with a cabin, two windows and two wheels."""
    paint = figure.rng.choice(_PAINTS) * figure.rng.uniform(0.7, 1.15)
    figure.rectangles(paint, ((-0.5, -0.06), (0.5, 0.16)))
    figure.polygon(paint * 0.95, (-0.3, -0.06), (-0.2, -0.25), (0.2, -0.25), (0.34, -0.06))
    glass, rubber = np.array((150.0, 140.0, 120.0)), np.array((20.0, 20.0, 20.0))
    figure.rectangles(glass, ((-0.19, -0.21), (-0.02, -0.08)), ((0.02, -0.21), (0.19, -0.08)))
    figure.circles(rubber, 0.09, (-0.3, 0.17), (0.3, 0.17))


_SHAPES = {"animal": _shape_animal, "person": _shape_person, "vehicle": _shape_vehicle}


def _expose(rng: np.random.Generator, canvas: Canvas, *, infrared: bool) -> NDArray[np.uint8]:
    """Turn the canvas into a photograph: lens blur, sensor noise, exposure; grey when taken in infrared."""
    height, width = canvas.shape[:2]
    blurred = cv2.GaussianBlur(canvas, (0, 0), 0.5 * max(1, width / 640))
    noisy = blurred + rng.normal(0, rng.uniform(1, 6), (height, width, 1))
    exposed = np.clip(noisy * rng.uniform(0.7, 1.2), 0, 255)
    if infrared:
        exposed = np.repeat(exposed.mean(2, keepdims=True), 3, 2)
    return np.ascontiguousarray(exposed.astype(np.uint8)[..., ::-1])
