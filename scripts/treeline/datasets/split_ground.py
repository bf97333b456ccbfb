"""Where samples lie on the ground: blocks of it to divide by, and samples of two splits that overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from treeline.datasets.description import SplitOptions
from treeline.io.balance import Numbers

if TYPE_CHECKING:
    from treeline.datasets.split_facts import Facts

TOUCHING = 0.01
"""Of a pixel: rasters that overlap by less only touch, and their coordinates are rounded."""

OVERLAPS = """
    SELECT one.place AS one, other.place AS other
    FROM ground AS one JOIN ground AS other ON
        one.system = other.system
        AND one.place < other.place
        AND one.split <> other.split
        AND one."left" < other."right" AND other."left" < one."right"
        AND one.bottom < other.top AND other.bottom < one.top
    ORDER BY ALL
"""


def blocks(facts: Facts, options: SplitOptions) -> pd.Series[str]:
    """The square block of the ground in which each sample's middle, or point, lies.

    Blocks begin at the origin of the coordinates; those of another system are other blocks.

    Raises:
        InputError: A sample has no place.
    """
    assert options.block_size is not None  # the description has it where the kind is `spatial`
    if options.coordinates is not None:
        x, y = (facts.numbers(name) for name in options.coordinates)
        system = pd.Series("", index=x.index)
    else:
        bounds = _bounds(facts)
        x, y = (bounds["left"] + bounds["right"]) / 2, (bounds["bottom"] + bounds["top"]) / 2
        system = bounds["system"]
    # 0.0 is added, for -0 is another text.
    column, row = ((values // options.block_size + 0.0).map("{:.0f}".format) for values in (x, y))
    named: pd.Series[str] = system + " " + column + " " + row
    return named


def find_overlaps(facts: Facts, assigned: Numbers) -> Numbers:
    """Find rasters of different splits that have ground in common, as those at the borders of blocks may.

    Args:
        facts: What is known of the samples, each with a place.
        assigned: Of each sample, the number of its split.

    Returns:
        Pairs x 2: positions of the samples.
    """
    ground = _bounds(facts).assign(split=assigned, place=np.arange(len(facts)))
    with duckdb.connect() as connection:
        connection.register("ground", ground)
        found = connection.execute(OVERLAPS).fetchnumpy()
    return np.column_stack([found["one"], found["other"]]).astype(np.int64)


def _bounds(facts: Facts) -> pd.DataFrame:
    """What ground each raster covers; rows go against y where `y_gsd` is positive, as it mostly is."""
    x, y, x_gsd, y_gsd = (facts.numbers(name) for name in ("x_offset", "y_offset", "x_gsd", "y_gsd"))
    across, down = x_gsd * facts.numbers("image_width"), -y_gsd * facts.numbers("image_height")
    rim_x, rim_y = TOUCHING * x_gsd.abs(), TOUCHING * y_gsd.abs()
    return pd.DataFrame(
        {
            "system": facts.column("crs"),
            "left": np.minimum(x, x + across) + rim_x,
            "right": np.maximum(x, x + across) - rim_x,
            "bottom": np.minimum(y, y + down) + rim_y,
            "top": np.maximum(y, y + down) - rim_y,
        }
    )
