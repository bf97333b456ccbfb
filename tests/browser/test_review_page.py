"""A browser opens the review page from the disk, and what is decided there by key is what `remove` reads."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.shards import encode, picture
from treeline.detections.repeats.candidates import read_candidates, read_decisions
from treeline.detections.repeats.review import make_review

BROWSER = shutil.which("chromium")

HOSTILE = "</script><img src=x onerror=document.title='broken'>.jpg"
NUMBERS = range(1, 8)


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    (folder / "a.jpg").write_bytes(encode(Image.fromarray(picture()), "JPEG"))
    candidates = [
        {
            "number": number,
            "location": HOSTILE if number > 4 else "camera",
            "category": "animal",
            "bbox": [0.1, 0.2, 0.3, 0.4],
            "occurrences": [{"file": HOSTILE if number == 7 else "a.jpg", "conf": 0.5, "bbox": [0.1, 0.2, 0.3, 0.4]}]
            * 3,
        }
        for number in NUMBERS
    ]
    (folder / "candidates.json").write_text(json.dumps({"parameters": {}, "candidates": candidates}))
    make_review(folder / "candidates.json", folder, folder / "review")
    return folder


def run(review: Path, tmp_path: Path, script: str) -> dict[str, Any]:
    """Open the page, run a script in it, and give what it returns."""
    page = tmp_path / "review" / "index.html"
    shutil.copytree(review / "review", page.parent)
    answer = f"<script>document.documentElement.dataset.answer = JSON.stringify((() => {{ {script} }})());</script>"
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{answer}</body>"), encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=True)
    return dict(json.loads(unescape(done.stdout.split('data-answer="', 1)[1].split('"', 1)[0])))


def press(*keys: str) -> str:
    events = (
        f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}));" for key in keys
    )
    return "".join(events)


def test_keys_decide_and_what_is_saved_is_read(review: Path, tmp_path: Path) -> None:
    keys = press("k", "r", " ", "ArrowRight", " ", " ", "ArrowRight", "K", "ArrowLeft", "u")
    saved = run(review, tmp_path, keys + "return decisions();")
    assert (saved["keep"], saved["remove"]) == ([1, 3], [2, 4])
    (tmp_path / "decisions.json").write_text(json.dumps(saved))
    candidates = review / "candidates.json"
    assert read_decisions(tmp_path / "decisions.json", candidates, read_candidates(candidates))["keep"] == [1, 3]


def test_loaded_decisions_are_shown_and_those_of_others_refused(review: Path, tmp_path: Path) -> None:
    script = """
        take({candidates_sha256: sha256, keep: [2], remove: [3]});
        const states = cards.map(card => [".keep", ".remove"].map(of => card.querySelector(of).ariaPressed));
        let refused = "";
        try { take({candidates_sha256: "0", keep: [], remove: []}); } catch (error) { refused = error.message; }
        return {states, refused, progress: document.getElementById("progress").textContent, after: decisions()};
    """
    answer = run(review, tmp_path, script)
    assert answer["states"][:3] == [["false", "false"], ["true", "false"], ["false", "true"]]
    assert answer["refused"] == "These decisions are about other candidates."
    assert answer["progress"] == "2 of 7 looked at, 1 to keep"
    assert answer["after"]["keep"] == [2]


def test_filters_hide_cards_and_keys_pass_over_them(review: Path, tmp_path: Path) -> None:
    script = """
        const location = document.getElementById("location");
        location.value = location.options[2].value;
        filter();
        const shown = cards.map((card, place) => card.hidden ? 0 : place + 1).filter(Boolean);
    """
    answer = run(review, tmp_path, script + press("k", "k") + "return {shown, keep: decisions().keep};")
    assert answer == {"shown": [5, 6, 7], "keep": [5, 6]}


def test_hostile_names_are_shown_as_text(review: Path, tmp_path: Path) -> None:
    script = """
        const images = [...document.images].map(image => image.getAttribute("src"));
        return {title: document.title, cards: cards.length, images, text: cards[6].textContent};
    """
    answer = run(review, tmp_path, script)
    assert (answer["title"], answer["cards"]) == ("Repeat detections: keep or remove", 7)
    assert all(source.startswith("images/0") for source in answer["images"])
    assert HOSTILE in answer["text"]
    assert "No image." in answer["text"]
