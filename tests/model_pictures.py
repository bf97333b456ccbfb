"""Make the pictures of the guides to a model's report and to its smaller forms, of generated images.

    python -m tests.model_pictures report      a minute, and Chromium: docs/figures/models-report.png
    python -m tests.model_pictures optimise    ten minutes: docs/figures/models-optimise.png

The times of the second are those of this machine, and the table of the guide belongs to its picture.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.model_cases import make_dataset, write_experiment
from tests.pipeline import ENVIRONMENT

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
REPORT, OPTIMISED = FIGURES / "models-report.png", FIGURES / "models-optimise.png"
SHOWN = ("confusion", "groups", "calibration", "map-of-the-embeddings")
"""Sections of the report that are in the picture."""
WIDTH, GAP = 1760, 12
"""In pixels."""


def treeline(folder: Path, command: str) -> None:
    """Run a command in a folder."""
    subprocess.run(["treeline", *command.split()], cwd=folder, env=ENVIRONMENT, check=True)


def report(folder: Path) -> None:
    """Train for four epochs, evaluate on all images, and take a picture of the report."""
    from tests.browser.page import open_browser

    make_dataset(folder / "shapes", count=200)
    write_experiment(folder / "shapes.yaml", epochs=4)
    treeline(folder, "models train shapes.yaml --dataset shapes --output run")
    treeline(folder, "models evaluate run --dataset shapes --output run/shapes.h5 --split trainvaltest")
    treeline(folder, "models report run --evaluation run/shapes.h5 --dataset shapes --output run/report.html")
    with open_browser() as page:
        page.visit((folder / "run/report.html").as_uri(), width=WIDTH)
        for name in SHOWN:
            page.picture(f"#{name}", folder / f"{name}.png")
    pieces = [Image.open(folder / f"{name}.png").convert("RGB") for name in SHOWN]
    sheet = Image.new("RGB", (pieces[0].width, sum(piece.height + GAP for piece in pieces)), pieces[0].getpixel((0, 0)))
    top = 0
    for piece in pieces:
        sheet.paste(piece, (0, top))
        top += piece.height + GAP
    sheet.save(REPORT, optimize=True)


def optimise(folder: Path) -> None:
    """Train a ResNet-18 on 240 images of 64 x 64 pixels, and make all smaller forms of it."""
    make_dataset(folder / "shapes", count=400, side=64)
    write_experiment(
        folder / "shapes.yaml", epochs=4, image_size=[64, 64], architecture={"encoder": "resnet18"}, batch_size=32
    )
    treeline(folder, "models train shapes.yaml --dataset shapes --output shapes-run")
    treeline(folder, "models optimise shapes-run --dataset shapes --output shapes-run")
    shutil.copyfile(folder / "shapes-run/optimise.png", OPTIMISED)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        {"report": report, "optimise": optimise}[sys.argv[1]](Path(scratch))
