"""The report's page says what its tables say, is whole in itself, stays small, and is made of whatever there is."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.report_pages import ReportPage
from tests.report_tables import empty_tables, report_tables, write_report
from treeline.cli import app
from treeline.errors import InputError
from treeline.io.figures.page import number, whole
from treeline.io.table_sets import Tables
from treeline.report.document import SECTIONS, write_page
from treeline.report.figures.listings import percent
from treeline.report.tables import make_table

SERVERS = 545
HOSTILE = "<b>$x_1$ & 'deer'</b>"


@dataclass
class Report:
    """A page with the tables that it is of."""

    file: Path
    tables: Tables

    @cached_property
    def page(self) -> ReportPage:
        """What it holds."""
        return ReportPage(self.file.read_text(encoding="utf-8"))

    @cached_property
    def text(self) -> str:
        """What it says, without its figures' words."""
        return html.unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", "", self.page.text, flags=re.DOTALL))

    def drawn(self, figure: str) -> str:
        """The words of a figure's file."""
        root = ElementTree.fromstring((self.file.parent / "figures" / f"{figure}.svg").read_bytes())
        return " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))


def make(tables: dict[str, pd.DataFrame], folder: Path, **replaced: list[dict[str, object]] | pd.DataFrame) -> Report:
    """Write a report; `replaced` are the rows of some tables."""
    tables = {**tables, **{name: make_table(name, rows) for name, rows in replaced.items()}}
    return Report(write_report(tables, folder), tables)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    tables = report_tables(SERVERS, 360_000)
    tables["flow"] = tables["flow"].replace("birds", HOSTILE)
    tables["errors"]["message"] = HOSTILE
    tables["errors"].loc[0, "example"] = "javascript:alert(1)"
    return make(tables, tmp_path_factory.mktemp("report"))


def test_each_figure_is_a_vector_a_picture_and_a_table(report: Report) -> None:
    names = re.findall(r'<figure id="figure-([^"]+)">', report.page.text)
    assert len(names) == len(set(names)) >= 20
    files = {file.name for file in (report.file.parent / "figures").iterdir()}
    for name in names:
        assert {f"{name}.svg", f"{name}.png"} <= files
        with Image.open(report.file.parent / "figures" / f"{name}.png") as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert len(picture.convert("RGB").resize((64, 64)).getcolors(4096) or ()) > 2
        assert len(csv_of(report, name)) > 0


def csv_of(report: Report, figure: str) -> pd.DataFrame:
    """The numbers behind a figure, in the page or beside it."""
    link = report.page.links[f"{figure}.csv"]
    return report.page.csv(figure) if link.startswith("data:") else pd.read_csv(report.file.parent / link)


@pytest.mark.parametrize(
    ("figure", "table", "columns"),
    [
        ("flow_images", "flow", {"part": "images"}),
        ("servers", "servers", {}),
        ("rates", "rates", {"server": ""}),
        ("politeness", "politeness", {}),
        ("size_bytes", "sizes", {"quantity": "bytes"}),
        ("licenses", "licenses", {}),
        ("attribution", "attribution", {}),
        ("confidence", "detections", {}),
        ("datasets", "datasets", {}),
        ("rule_memory", "rules", {}),
        ("disk", "disk", {}),
    ],
)
def test_the_numbers_behind_a_figure_are_those_of_its_table(
    report: Report, figure: str, table: str, columns: dict[str, str]
) -> None:
    expected, drawn = report.tables[table], csv_of(report, figure)
    for column, value in columns.items():
        expected = expected[expected[column] == value]
    assert len(drawn) == len(expected)
    shared = [column for column in drawn if column != "license"]
    numbers = list(drawn[shared].select_dtypes("number"))
    pd.testing.assert_frame_equal(
        drawn[numbers].sort_values(numbers, ignore_index=True),
        expected[numbers].sort_values(numbers, ignore_index=True),
        check_dtype=False,
    )


def test_tables_of_the_page_say_what_the_tables_say(report: Report) -> None:
    servers = report.tables["servers"].set_index("server")
    _, *rows = report.page.tables["Every server"]
    assert len(rows) == len(servers)
    for name, *cells in rows:
        expected = servers.loc[name, ["rows", "images", "errors", "not_done", "requests"]]
        assert cells[:5] == [whole(value) for value in expected]
        assert cells[-1] == number(servers.loc[name, "learned_rate"])
    _, *rows = report.page.tables["What became of the rows of the input"]
    flow = report.tables["flow"]
    flow = flow[(flow["part"] == "images") & (flow["rows"] > 0)]
    total = flow.loc[flow["source"] == "rows of the input", "rows"].sum()
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        (arrow.source, arrow.target, whole(arrow.rows), percent(arrow.rows / total)) for arrow in flow.itertuples()
    ]
    _, *rows = report.page.tables["What failed alike, the largest groups first"]
    largest = report.tables["errors"]["images"].nlargest(len(rows))
    assert len(rows) == 100 and [row[2] for row in rows] == [whole(count) for count in largest]
    _, *rows = report.page.tables["Every rule"]
    assert {row[0]: row[2] for row in rows} == {
        rule.rule: whole(rule.jobs) for rule in report.tables["rules"].itertuples()
    }


def test_the_flow_has_a_count_on_each_arrow(report: Report) -> None:
    words = report.drawn("flow_images")
    flow = report.tables["flow"]
    for count in flow.loc[(flow["part"] == "images") & (flow["rows"] > 0), "rows"]:
        assert f"{count:,} ·" in words


def test_the_head_says_what_went_in_and_what_is_lost_and_left(report: Report) -> None:
    flow = report.tables["flow"][report.tables["flow"]["part"] == "images"]
    by_kind = flow.groupby("kind")["rows"].sum()
    total = flow.loc[flow["source"] == "rows of the input", "rows"].sum()
    came = total - by_kind["lost"] - by_kind["waiting"]
    assert f"Of {total:,} rows, {came:,} (" in report.text
    assert f"{by_kind['lost']:,} (" in report.text and f"{by_kind['waiting']:,} (" in report.text
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", report.page.text))
    images = report.tables["servers"]["images"].sum()
    assert facts == {"Rows of the input": whole(total), "Images": whole(images), "Received": "3 GB"}
    _, *rows = report.page.tables["Where rows are lost"]
    assert sum(int(row[2].replace(",", "")) for row in rows) == by_kind["lost"]


def test_the_page_is_whole_in_itself(report: Report) -> None:
    text = report.page.text
    assert report.page.headings == ["Overview", *SECTIONS, "Provenance"]
    assert re.findall(r"""(?:src|url\()=?["']?(https?:|//)""", text) == []
    assert all(address.startswith("data:image/jpeg;base64,") for address in report.page.images)
    anchors = {link[1:] for link in report.page.links.values() if link.startswith("#")}
    assert anchors <= set(report.page.ids)
    assert len(report.page.ids) == len(set(report.page.ids))
    parts = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'xlink:href="#([^"]+)"', text))
    assert parts and parts <= set(report.page.ids)
    beside = [link for link in report.page.links.values() if re.match(r"tables/|figures/", link)]
    assert beside and all((report.file.parent / link).is_file() for link in beside)


def test_words_of_strangers_are_only_text(report: Report) -> None:
    assert "<b>$" not in report.page.text and "Photo 0 <b>" not in report.page.text
    assert 'href="javascript' not in report.page.text
    assert HOSTILE in report.drawn("flow_groups")
    assert any(HOSTILE in row for row in report.page.tables["What failed alike, the largest groups first"])


def test_boxes_are_drawn_where_they_were_found(report: Report) -> None:
    shots = re.findall(r'<span class="shot">.*?</span>', report.page.text, re.DOTALL)
    assert len(shots) == len(report.tables["gallery"]) == 8
    view = re.search(r'viewBox="0 0 (\d+) (\d+)"', shots[0])
    assert view and tuple(map(int, view.groups())) == (320, 240)
    # A dark edge and a bright one.
    assert (
        re.findall(r'<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', shots[0])
        == [("32.0", "48.0", "128.0", "120.0")] * 2
    )
    assert "<rect" not in shots[1]


def test_the_same_tables_give_the_same_bytes(report: Report, tmp_path: Path) -> None:
    again = write_page(report.file.parent / "tables", tmp_path / "index.html")
    assert again.read_bytes() == report.file.read_bytes()
    for file in (report.file.parent / "figures").iterdir():
        assert (tmp_path / "figures" / file.name).read_bytes() == file.read_bytes()


def test_hundreds_of_servers_stay_below_5_mb(report: Report) -> None:
    assert report.tables["servers"]["rows"].sum() > 200_000_000
    assert report.file.stat().st_size < 5e6
    assert len(report.page.tables["Every server"]) == SERVERS + 1
    assert re.search(r"more rows are in <a href=\"tables/errors.csv\"", report.page.text)
    assert len(pd.read_csv(report.file.parent / report.page.links["servers.csv"])) == SERVERS
    assert report.page.links["rates.csv"].startswith("data:")


def test_nothing_at_all_still_makes_a_page(tmp_path: Path) -> None:
    empty = make(empty_tables(), tmp_path)
    assert empty.page.headings == ["Overview", "Provenance"]
    assert "there is no row" in empty.text
    assert all(f"{title}: {why}." in empty.text for title, (_, why) in SECTIONS.items())


def arrow(source: str, target: str, rows: int, kind: str) -> dict[str, object]:
    """A row of the flow of images."""
    return {"part": "images", "stage": "", "source": source, "target": target, "rows": rows, "kind": kind}


def test_a_run_without_a_single_image(tmp_path: Path) -> None:
    full, tables = report_tables(1, 50), empty_tables()
    servers = full["servers"].assign(
        images=0, errors=full["servers"]["rows"], not_done=0, bytes=0, images_per_second=0.0
    )
    rows = int(servers["rows"].sum())
    flow = [
        {
            "part": "images",
            "stage": "urls",
            "source": "rows of the input",
            "target": "batched",
            "rows": rows,
            "kind": "kept",
        },
        {"part": "images", "stage": "download", "source": "batched", "target": "errors", "rows": rows, "kind": "lost"},
    ]
    failed = make(tables, tmp_path, servers=servers, flow=flow, errors=full["errors"].head(1).assign(images=rows))
    assert f"Of {rows:,} rows, 0 (0 %) came through" in failed.text
    assert "Nothing is left to do." in failed.text
    assert failed.page.headings == ["Overview", "Flow", "Servers", "Errors", "Provenance"]


def test_a_stage_that_failed_is_left_to_do(tmp_path: Path) -> None:
    flow = [
        {
            "part": "images",
            "stage": "urls",
            "source": "rows of the input",
            "target": "batched",
            "rows": 9,
            "kind": "kept",
        },
        {"part": "images", "stage": "download", "source": "batched", "target": "not yet", "rows": 9, "kind": "waiting"},
    ]
    failed = make(empty_tables(), tmp_path, flow=flow)
    assert "9 (100 %) are left to do." in failed.text
    assert failed.page.headings == ["Overview", "Flow", "Provenance"]


def test_one_server_of_one_request(tmp_path: Path) -> None:
    full = report_tables(1, 1)
    tables = {name: table.head(1) for name, table in full.items()}
    for name in ("rates", "errors"):
        tables[name] = full[name][full[name]["server"] != ""].head(1)
    single = make(tables, tmp_path)
    assert set(SECTIONS) - set(single.page.headings) == set()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (1, "The limit held at 1 server: in no 10 seconds more than 94 % of what it allows."),
        (0, "The limit did not hold at 1 server: a.example."),
        (-1, "Of 1 server it is not known"),
    ],
)
def test_the_verdict_on_politeness(held: int, said: str, tmp_path: Path) -> None:
    row = dict.fromkeys(report_tables(1)["politeness"].columns, 0) | {
        "server": "a.example",
        "requests": 9,
        "share": 0.94,
    }
    row |= {"most_in_10_seconds": 9, "allowed_in_10_seconds": 9.6, "held": held}
    polite = make(empty_tables(), tmp_path, politeness=[row])
    assert said in polite.text
    assert ("warning" in polite.page.text.split('id="politeness"')[1].split("figure")[0]) == (held == 0)


@pytest.mark.parametrize(
    ("leaks", "said"),
    [(0, "No sample is shared"), (3, "What is tested on is known from training, in birds."), (-1, "not known")],
)
def test_the_verdict_on_leaks(leaks: int, said: str, tmp_path: Path) -> None:
    rows = [{"dataset": "birds", "split": split, "samples": 9, "leaks": leaks} for split in ("train", "test")]
    assert said in make(empty_tables(), tmp_path, datasets=rows).text.replace("–", "not known")


def test_nothing_failed_and_nothing_is_there_twice(tmp_path: Path) -> None:
    servers = report_tables(1)["servers"].assign(errors=0)
    duplicates = [{"kind": "original", "groups": 0, "images": 0}]
    good = make(empty_tables(), tmp_path, servers=servers, duplicates=duplicates)
    assert "No image that was asked for failed." in good.text
    assert "No image is there twice." in good.text


def test_the_command_writes_the_page_beside_the_tables(tmp_path: Path) -> None:
    page = make(empty_tables(), tmp_path).file
    page.unlink()
    done = CliRunner().invoke(app, ["report", "page", str(tmp_path / "tables")])
    assert done.exit_code == 0 and "index.html" in done.output
    assert page.is_file()
    with pytest.raises(InputError, match="treeline report measure"):
        write_page(tmp_path, tmp_path / "index.html")
