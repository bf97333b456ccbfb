"""Make the pictures of the worked examples anew, from their results.

    python -m tests.browser.pictures

Needs the demo's results (`make demo`), some minutes, and Chromium. Makes what is missing of the examples' datasets and
models, copies their figures, and takes pictures of their pages.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from PIL import Image

from tests.browser.page import Page, open_browser
from tests.pipeline import ENVIRONMENT

ROOT = Path(__file__).parents[2]
DOCS, RESULTS = ROOT / "docs", ROOT / "results"
COLOURS = 256
"""Of a picture of a page."""

FIGURES = {
    "datasets-example/brightness.svg": "datasets/what-is-seen/analysis/figures/brightness.svg",
    "datasets-example/class_shares.svg": "datasets/what-is-seen/analysis/figures/class_shares.svg",
    "datasets-example/components_of_thumbnails.svg": (
        "datasets/what-is-seen/analysis/figures/components_of_thumbnails.svg"
    ),
    "models-example/curve_loss.svg": "models/example/figures/curve_loss.svg",
    "models-example/confusion.svg": "models/example/figures/confusion.svg",
    "models-example/comparison.svg": "models/rates/comparison.svg",
    "models-classify-example/confusion.svg": "models/boxes/figures/confusion.svg",
}
"""Pictures under `docs/` that are figures of the results."""

SWEEP = {
    "title": "Two rates of learning",
    "epochs": 4,
    "sweep": {"grid": {"optimiser.learning_rate": [0.0003, 0.003]}},
}
"""What the experiment `rates` of docs/models.md has otherwise than the demo's."""


def main() -> None:
    """Make the results that are missing, and all pictures."""
    make_results()
    for target, source in FIGURES.items():
        shutil.copyfile(RESULTS / source, DOCS / target)
    folder = DOCS / "models-classify-example"
    draw_batch(folder / "batch.png")
    with open_browser() as page:
        for name, take in PAGES.items():
            take(page, folder / name)
            _reduce(folder / name)


def make_results() -> None:
    """Have Snakemake make the datasets, models and boxes of the examples."""
    with tempfile.TemporaryDirectory() as experiments:
        _write_sweep(Path(experiments))
        sweep = Path(experiments) / "config.yaml"
        for arguments in (
            ("datasets", "analyze"),
            ("models",),
            ("models", "--configfile", str(sweep)),
            ("--configfile", "config/config.yaml", "config/classify-boxes.yaml"),
        ):
            command = (sys.executable, "-m", "snakemake", *arguments, "--profile", "profiles/local")
            subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True)


def _write_sweep(folder: Path) -> None:
    experiment = yaml.safe_load((ROOT / "config/experiments/example.yaml").read_text(encoding="utf-8"))
    demo = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    config = {**demo, "models": {"names": ["rates"], "folder": str(folder), "steps": []}}
    (folder / "rates.yaml").write_text(yaml.safe_dump({**experiment, **SWEEP}), encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def draw_batch(target: Path) -> None:
    """Draw a batch of the boxes that a classifier learns from, as the guide says."""
    from torchvision.utils import save_image

    from treeline.datasets import Dataset, Letterbox, loader

    training = Dataset(RESULTS / "datasets/boxes/dataset.h5", split="train", spatial=Letterbox(48, 48))
    batch = next(iter(loader(training, batch_size=32, shuffle=True, seed=1)))
    save_image(batch["image"] / 255, target, nrow=16)


def take_errors(page: Page, target: Path) -> None:
    """The boxes that the classifier is wrong about, with their heading."""
    page.visit((RESULTS / "models/boxes/report.html").as_uri(), width=1280)
    page.run(
        "const list = document.querySelector('ul.pictures'), heading = list.previousElementSibling;"
        "const worst = document.createElement('div'); worst.id = 'worst';"
        "heading.before(worst); worst.append(heading, list)"
    )
    page.picture("#worst", target)


def take_gallery(page: Page, target: Path) -> None:
    """The gallery, as it opens."""
    page.open(RESULTS / "detections/preview", width=1280, height=488)
    page.wait_for("[...document.querySelectorAll('img')].some(i => i.complete && i.naturalWidth)")
    page.screenshot(target)


def take_photo(page: Page, target: Path) -> None:
    """The photo in which the classifier finds a person's legs, where the detector found an animal."""
    shown = json.loads((RESULTS / "detections/preview/data.js").read_text().partition("=")[2].rstrip().rstrip(";"))
    [photo] = [image["id"] for image in shown["images"] if image["file"].startswith("407e03f2")]
    page.open(RESULTS / "detections/preview", f"#image={photo}", width=1000, height=600)
    page.wait_for("document.querySelector('dialog[open] img, #photo, .full img')?.complete")
    page.screenshot(target)


PAGES: dict[str, Callable[[Page, Path], None]] = {
    "errors.png": take_errors,
    "gallery.png": take_gallery,
    "photo.png": take_photo,
}
"""Pictures of pages, in `docs/models-classify-example/`."""


def _reduce(picture: Path) -> None:
    Image.open(picture).convert("RGB").quantize(COLOURS, kmeans=8).save(picture, optimize=True)


if __name__ == "__main__":
    main()
