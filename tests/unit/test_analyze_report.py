"""A report says what the tables say, is whole in itself, and is the same each time."""

from __future__ import annotations

import base64
import html
import io
import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from tests.analyses import make_analysis
from tests.dataset_folders import make_dataset
from tests.hostile_analyses import make_bare
from tests.report_pages import ReportPage
from tests.split_datasets import Division, make_metadata
from treeline.analyze.report import write_report
from treeline.analyze.tables import COLUMNS, write_tables
from treeline.cli import app
from treeline.errors import InputError
from treeline.io.datasets.metadata import write_metadata
from treeline.io.datasets.pictures import LONGEST_SIDE, small_picture, stretch
from treeline.io.figures.page import number

HOSTILE = "<b>$x_1$ & 'deer'</b> \u2028"


class Report:
    """A report of photos in the folder of their dataset."""

    def __init__(self, folder: Path) -> None:
        self.leakage = divide(folder)
        write_metadata(make_dataset(folder / "drawn").metadata, folder / "metadata.h5")
        tables = make_analysis(folder / "analysis")
        for name in ("classes", "boxes"):
            tables[name]["label"] = tables[name]["label"].replace("deer", HOSTILE)
        tables["suspicious"]["image_path"] = HOSTILE
        write_tables(tables, folder / "analysis")
        write_report(folder / "analysis", folder / "analysis" / "report.html")
        self.folder, self.tables = folder / "analysis", tables
        self.page = ReportPage((self.folder / "report.html").read_text(encoding="utf-8"))


def divide(folder: Path) -> dict[str, Any]:
    """Divide 60 samples by location; a class is in one of them alone, of which a warning tells."""
    rows = [
        {"image_path": f"{n}.jpg", "sha256": str(n), "label": "<i>" if n % 12 == 3 else "fox", "location": f"L{n % 12}"}
        for n in range(60)
    ]
    division = Division(folder)
    division.run(make_metadata(rows), ("location",), kind="grouped", val=0.2, test=0.2)
    assert any("<i>" in warning for warning in division.report["warnings"])
    return division.report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report(tmp_path_factory.mktemp("report"))


def test_each_figure_is_a_vector_and_a_picture_for_print(report: Report) -> None:
    names = [name.removesuffix(".csv") for name in report.page.links if name.endswith(".csv")]
    files = {path.name for path in (report.folder / "figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    for name in names:
        for kind in ("svg", "png"):
            assert (report.folder / report.page.links[f"figures/{name}.{kind}"]).is_file()
        root = ElementTree.fromstring((report.folder / "figures" / f"{name}.svg").read_bytes())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        with Image.open(report.folder / "figures" / f"{name}.png") as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert len(picture.convert("RGB").resize((64, 64)).getcolors(4096) or ()) > 2


def test_tables_of_the_page_say_what_the_tables_say(report: Report) -> None:
    head, *rows = report.page.tables["Statistics of the channels, over all pixels"]
    for row, expected in zip(rows, report.tables["channels"].to_dict("records"), strict=True):
        assert row == [expected[name] if name == "name" else number(expected[name]) for name in head]
    summary = dict(zip(report.tables["summary"]["key"], report.tables["summary"]["value"], strict=True))
    head, *rows = report.page.tables["Quantities of the images"]
    assert {row[0] for row in rows} == {"width", "height", "shorter side", "brightness", "sharpness"}
    for name, _, *values in rows:
        assert values == [number(summary[f"{name.replace(' ', '_')}_{part}"]) for part in head[2:]]
    head, *rows = report.page.tables["Samples of the splits"]
    assert head == ["split", "samples", "share", "wanted", "values of location", "values of sha256"]
    for row, (name, part) in zip(rows, report.leakage["splits"].items(), strict=True):
        wanted = number(part["wanted"]) if "wanted" in part else "–"
        groups = [number(part["groups"][group]) for group in ("location", "sha256")]
        assert row == [name, number(part["samples"]), number(part["share"]), wanted, *groups]
    leaks = report.page.tables["Leaks: pairs of samples across splits"]
    assert leaks[1:] == [["location", "0"], ["sha256", "0"], ["near duplicate", "0"]]
    assert all(warning in html.unescape(report.page.text) for warning in report.leakage["warnings"])


@pytest.mark.parametrize(
    ("figure", "table", "kind"),
    [
        ("class_samples", "classes", ""),
        ("textures", "texture", ""),
        ("places_1", "places", ""),
        ("lab", "histograms", "lab"),
    ],
)
def test_the_numbers_behind_a_figure_are_those_of_its_table(report: Report, figure: str, table: str, kind: str) -> None:
    drawn, expected = report.page.csv(figure), report.tables[table]
    expected = expected[expected["space"] == kind] if kind else expected
    pd.testing.assert_frame_equal(drawn, expected[drawn.columns].reset_index(drop=True), check_dtype=False)


def test_the_page_is_whole_in_itself(report: Report) -> None:
    text = report.page.text
    assert len(text.encode()) < 5e6
    assert re.findall(r"""(?:src|href|url\()=?["']?(https?:|//)""", text) == []
    assert all(address.startswith("data:image/jpeg;base64,") for address in report.page.images)
    anchors = {link[1:] for link in report.page.links.values() if link.startswith("#")}
    assert anchors <= set(report.page.ids)
    assert len(report.page.ids) == len(set(report.page.ids))
    parts = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'xlink:href="#([^"]+)"', text))
    assert parts and parts <= set(report.page.ids)


def test_names_are_only_text(report: Report) -> None:
    assert "<b>$x" not in report.page.text and "<i>" not in report.page.text
    assert any(
        HOSTILE.strip() in row[0]
        for row in report.page.tables["Values"] + [[report.page.csv("class_samples")["label"][0]]]
    )
    drawn = ElementTree.parse(report.folder / "figures" / "class_samples.svg").iter("{http://www.w3.org/2000/svg}text")
    assert any("$x_1$" in "".join(text.itertext()) for text in drawn)


def test_images_that_stand_out_are_shown_where_the_dataset_has_them(report: Report) -> None:
    # Of the ids 3 and 8, and 1 to 8 of the extremes, the dataset has 3 and 6.
    assert len(set(report.page.images)) == 2
    for address in set(report.page.images):
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
            assert picture.size == (12, 10)


def test_the_same_bytes_twice_even_of_next_to_nothing(tmp_path: Path) -> None:
    tables = make_bare(tmp_path / "a")
    for name in ("boxes", "times"):
        tables[name] = tables[name].iloc[:0]
    write_tables(tables, tmp_path / "a")
    for run in ("one", "two"):
        write_report(tmp_path / "a", tmp_path / run / "report.html")
    one, two = (
        {path.relative_to(tmp_path / run): path.read_bytes() for path in (tmp_path / run).rglob("*.*")}
        for run in ("one", "two")
    )
    assert len(one) > 15
    assert one == two


def test_what_has_no_rows_has_no_section(tmp_path: Path) -> None:
    empty = {name: pd.DataFrame(columns=list(columns)) for name, columns in COLUMNS.items()}
    empty["summary"] = pd.DataFrame({"key": ["samples"], "value": [3.0], "unit": [""]})
    write_tables(empty, tmp_path)
    (tmp_path / "recommendations.json").write_text("{}")
    write_report(tmp_path, tmp_path / "report.html")
    page = ReportPage((tmp_path / "report.html").read_text())
    assert page.headings == ["Overview", "Provenance"]
    assert list((tmp_path / "figures").iterdir()) == []


def test_what_is_no_analysis_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    with pytest.raises(InputError, match=r"treeline analyze measure"):
        write_report(tmp_path, page)
    tables = make_bare(tmp_path)
    (tmp_path / "recommendations.json").write_text("[1")
    with pytest.raises(InputError, match=r"recommendations\.json"):
        write_report(tmp_path, page)
    (tmp_path / "recommendations.json").write_text('{"crop_size": [448, 448]}')
    with pytest.raises(InputError, match=r"holds no recommendations"):
        write_report(tmp_path, page)
    (tmp_path / "recommendations.json").write_text("{}")
    (tmp_path / "leakage.json").write_text('{"kind": "random"}')
    write_metadata(make_dataset(tmp_path / "drawn").metadata, tmp_path / "metadata.h5")
    with pytest.raises(InputError, match=r"leakage\.json.*leaks, splits, warnings"):
        write_report(tmp_path, page, tmp_path / "metadata.h5")
    tables["summary"].loc[0, "value"] = 0.0
    write_tables(tables, tmp_path)
    shown = CliRunner().invoke(app, ["analyze", "report", str(tmp_path), "--output", str(page)])
    assert isinstance(shown.exception, InputError)
    assert "no sample" in str(shown.exception)
    assert not page.exists()


@given(st.floats(-1e15, 1e15))
def test_numbers_are_near_to_what_they_are(value: float) -> None:
    shown = float(number(value).replace(",", ""))
    assert math.isclose(shown, value, rel_tol=6e-4, abs_tol=1e-300)


def test_a_raster_is_shown_from_its_darkest_to_its_brightest() -> None:
    bands = np.random.default_rng(1).normal(3000, 400, (900, 40, 5)).astype(np.float32)
    bands[..., 1] = np.nan
    bands[0, 0, 0] = np.inf
    picture = small_picture(bands)
    assert max(picture.shape[:2]) == LONGEST_SIDE
    shown = stretch(bands)
    assert (shown[..., 1] == 0).all()
    inner = np.isfinite(bands[..., 2])
    order = np.argsort(bands[..., 2][inner])
    assert (np.diff(shown[..., 2][inner][order].astype(int)) >= 0).all()
    assert {shown[..., 2].min(), shown[..., 2].max()} == {0, 255}
