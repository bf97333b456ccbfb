"""Each picture of the documentation is made by a script, which is named on the page of pictures."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from resources.example import flow, recording
from tests.guides import PAGES, links

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = sorted(str(file.relative_to(DOCS)) for ending in ("png", "svg") for file in DOCS.rglob(f"*.{ending}"))
ROWS = [line for line in (DOCS / "figures.md").read_text(encoding="utf-8").splitlines() if line.startswith("| [")]


def script_of(picture: str) -> Path:
    """The script that the page names for a picture; `the same` is that of the row before."""
    scripts = [re.search(r"python -m ([\w.]+)", row) for row in ROWS]
    [place] = [place for place, row in enumerate(ROWS) if f"]({picture})" in row]
    module = next(script[1] for script in reversed(scripts[: place + 1]) if script)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, module
    return Path(spec.origin)


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_has_a_script_that_knows_it_and_a_page_that_shows_it(picture: str) -> None:
    assert Path(picture).name in script_of(picture).read_text(encoding="utf-8")
    shown = {(page.parent / link).resolve() for page in PAGES if page.name != "figures.md" for link in links(page)}
    assert (DOCS / picture).resolve() in shown


def test_the_flow_is_the_one_that_is_drawn() -> None:
    assert (DOCS / "flow.svg").read_text(encoding="utf-8") == flow.draw()


def test_the_recording_tells_nothing_of_the_machine_that_made_it() -> None:
    text = recording.TARGET.read_text(encoding="utf-8")
    assert not re.search(r"/(?:home|root|tmp|work|usr|opt)/", text)
    assert all(f">{word}" in text for word in ("make demo", "treeline status", "treeline query"))
    assert "prefers-reduced-motion" in text


def test_a_recording_is_fitted_into_its_time_and_ends_with_its_last_screen() -> None:
    shown = [
        "$ make demo",
        *(f"{number} of 300 steps" for number in range(300)),
        "$ treeline status",
        "Everything is done.",
    ]
    lines = [recording.Printed(float(place), recording.Text(text)) for place, text in enumerate(shown)]
    fitted = recording.fit(lines)
    assert [line.text for line in fitted] == [line.text for line in lines]
    assert [line.moment for line in fitted] == sorted(line.moment for line in fitted)
    assert fitted[-1].moment + recording.TO_READ == pytest.approx(recording.SECONDS)
    svg = recording.draw(fitted)
    assert svg.count("<text ") == len(lines)  # one piece a line, as none has two colours
    assert f"translateY({recording.LINE * (recording.ROWS - len(lines))}px)" in svg
