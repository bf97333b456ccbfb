"""The target `report` on a small run: the page of what there is, and its place in Snakemake's own report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

from tests.pipeline import Project, example_project, executed
from tests.report_pages import ReportPage


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, example_images: Path) -> Iterator[Project]:
    """A project of one server's downloads, with its report."""
    with example_project(tmp_path_factory.mktemp("report"), example_images) as project:
        project.configure(stages=["urls", "download"], lookup={"detections": False})
        project.keep_servers(-1)
        project.halve()
        assert executed(project.snakemake("report"))[-3:] == ["measure_report", "draw_report", "report"]
        yield project


def test_the_page_accounts_for_every_row(project: Project) -> None:
    reports = project.results / "reports"
    page = ReportPage((reports / "index.html").read_text(encoding="utf-8"))
    servers = pd.read_csv(reports / "tables" / "servers.csv")
    assert servers["errors"].sum() > 0
    assert (servers["images"] + servers["errors"] == servers["rows"]).all() and len(servers) == 1
    assert page.headings[:5] == ["Overview", "Flow", "Servers", "Politeness", "Errors"]
    assert page.tables["Every server"][1][1:4] == [str(servers[name][0]) for name in ("rows", "images", "errors")]
    assert "Detections: nothing was detected" in page.text


def test_nothing_is_done_again(project: Project) -> None:
    assert executed(project.snakemake("report")) == []


def test_snakemakes_own_report_holds_the_page(project: Project) -> None:
    archive = project.folder / "all.zip"
    project.snakemake("report", "--report", str(archive))
    with ZipFile(archive) as opened:
        [held] = [name for name in opened.namelist() if Path(name).name == "index.html"]
        assert opened.read(held) == (project.results / "reports" / "index.html").read_bytes()
