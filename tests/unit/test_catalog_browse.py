"""The page over the catalogue: what it finds is what the SQL that it shows finds, and it tells no secrets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from tests.scene_catalogs import HOSTILE, SECRET, ingest_megadb, make_catalog
from treeline.catalog.browse import pages, queries
from treeline.catalog.browse.app import DOWNLOADS, make_app
from treeline.catalog.browse.pictures import Pictures
from treeline.catalog.browse.queries import PAGE_IMAGES, Query
from treeline.catalog.browse.reader import Reader, open_reader
from treeline.catalog.browse.search import BOXES, LAST_DAY, Search, SearchError, read_search
from treeline.catalog.browse.serve import LOOPBACK_NAMES
from treeline.catalog.database import CatalogError, open_to_read, open_to_write

VIEWS = ["/", "/counts", "/map", "/times"]
SEQUENCE = "/sequence?dataset=caltech&seq_id=sequence%2F1"

searches = st.builds(
    Search,
    label=st.sampled_from(["", "fox", "red deer", "empty", "nothing", HOSTILE]),
    dataset=st.sampled_from(["", "caltech", "serengeti", HOSTILE]),
    location=st.sampled_from(["", "camera 1", "nowhere"]),
    since=st.none() | st.dates(date(2017, 1, 1), date(2023, 1, 1)),
    until=st.none() | st.dates(date(2017, 1, 1), LAST_DAY),
    boxes=st.sampled_from(["", *BOXES]),
    text=st.sampled_from(["", "1/", "-2.JPG", "%", "'"]),
    confidence=st.none(),
) | st.builds(Search, boxes=st.sampled_from([*BOXES]), confidence=st.floats(0, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("catalog")


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Path:
    return make_catalog(folder)[0]


@pytest.fixture(scope="module")
def reader(catalog: Path) -> Iterator[Reader]:
    with open_reader(catalog, memory_mb=1024, threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(reader: Reader, catalog: Path, folder: Path) -> TestClient:
    app = make_app(reader, Pictures(folder / "photos"), catalog, LOOPBACK_NAMES)
    return TestClient(app, base_url="http://127.0.0.1")


@contextmanager
def plain_client(catalog: Path) -> Iterator[TestClient]:
    """A client of a page without pictures."""
    with open_reader(catalog, memory_mb=1024, threads=1) as reader:
        yield TestClient(make_app(reader, None, catalog, LOOPBACK_NAMES), base_url="http://127.0.0.1")


def run(catalog: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(sql).fetchall()


@given(search=searches)
@settings(max_examples=40, deadline=None)
def test_an_address_means_its_search(search: Search) -> None:
    assert read_search(dict(parse_qsl(search.address()))) == search


@given(search=searches)
@settings(max_examples=60, deadline=None)
def test_pages_in_both_directions_find_what_the_shown_sql_finds(reader: Reader, catalog: Path, search: Search) -> None:
    expected = [row["image"] for row in reader.rows(Query(_without_limit(queries.page_of_images(search, 0).as_text())))]
    found: list[int] = []
    while True:
        gallery = pages.find_gallery(reader, search, after=found[-1] if found else 0)
        assert gallery.has_earlier is bool(found)
        found += [image["image"] for image in gallery.images]
        if not gallery.has_later:
            break
    assert found == expected
    backwards: list[int] = []
    while True:
        gallery = pages.find_gallery(reader, search, before=backwards[0] if backwards else 2**62)
        backwards = [image["image"] for image in gallery.images] + backwards
        if not gallery.has_earlier:
            break
    assert backwards == expected
    [counted] = reader.rows(queries.number_of_images(search))
    assert counted["images"] == len(expected)


def _without_limit(sql: str) -> str:
    return sql.removesuffix(f"LIMIT {PAGE_IMAGES}")


@given(search=searches)
@settings(max_examples=30, deadline=None)
def test_every_query_as_text_gives_what_it_gives_with_parameters(reader: Reader, search: Search) -> None:
    for make in DOWNLOADS.values():
        assert reader.rows(Query(make(search).as_text())) == reader.rows(make(search))


@pytest.mark.parametrize(("start", "backwards"), [(0, False), (40, False), (2**62, True), (80, True)])
def test_small_windows_find_the_same(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, start: int, backwards: bool
) -> None:
    search = Search(boxes="none", confidence=0.6)
    whole = pages.find_images(reader, search, start, backwards=backwards)
    assert whole
    monkeypatch.setattr(pages, "FIRST_WINDOW_IMAGES", 2)
    assert pages.find_images(reader, search, start, backwards=backwards) == whole


def test_counts_and_plots_add_up(reader: Reader) -> None:
    totals = pages.totals(reader, Search())
    assert {row["dataset"]: row["images"] for row in totals["dataset"]} == {"caltech": 78, "serengeti": 42}
    assert sum(row["images"] for row in totals["location"]) == 120
    assert sum(row["images"] for row in reader.rows(queries.by_month(Search()))) == 120
    assert sum(row["images"] for row in reader.rows(queries.by_hour(Search()))) == 120
    places = reader.rows(queries.by_place(Search()))
    assert sum(row["images"] for row in places) == 120
    assert {round(row["latitude"], 3) for row in places if row["location"] == "camera 1"} == {36.211}


@pytest.mark.parametrize("address", [*VIEWS, SEQUENCE, *(f"/download/{name}.csv" for name in DOWNLOADS)])
def test_no_secret_and_the_same_guard_everywhere(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert "verysecret" not in answer.text and SECRET not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "=&#34;" not in answer.text  # an attribute that was taken for text
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//|<script>|<style| style=| on\w+=", answer.text)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/?from=2024-13-01", 400, "no day such as"),
        ("/?confidence=nan", 400, "no number from 0 to 1"),
        ("/?confidence=2", 400, "no number from 0 to 1"),
        ("/?boxes=maybe", 400, "none of some, none, unknown"),
        ("/?after=1;DROP", 400, "no number of an image"),
        ("/?class=" + "x" * 1001, 400, "longer than 1000"),
        ("/counts?to=yesterday", 400, "no day such as"),
        ("/sequence?dataset=caltech&seq_id=none", 404, "no such sequence"),
        ("/picture/999999", 404, "no such image"),
        ("/download/secrets.csv", 404, "no such download"),
        ("/static/../app.py", 404, ""),
        ("/static/%2e%2e/app.py", 404, ""),
        ("/nowhere", 404, ""),
    ],
)
def test_bad_addresses_are_one_clear_page(client: TestClient, address: str, status: int, words: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, words in answer.text) == (status, True)


def test_another_site_that_leads_here_gets_nothing(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:8765"}).status_code == 200
    assert client.post("/").status_code == 405


def test_downloads_are_whole(client: TestClient, catalog: Path) -> None:
    table = pq.read_table(io.BytesIO(client.get("/download/images.parquet?class=fox").content))
    expected = run(
        catalog, "SELECT dataset, file, class FROM image_facts WHERE list_contains(class, 'fox') ORDER BY image"
    )
    assert [tuple(row.values()) for row in table.select(["dataset", "file", "class"]).to_pylist()] == expected
    answer = client.get("/download/images.csv?class=fox")
    assert 'filename="images.csv"' in answer.headers["content-disposition"]
    lines = answer.text.splitlines()
    assert (len(lines), lines[1].count('[""fox"",""bird""]')) == (len(expected) + 1, 2)
    assert answer.content == client.get("/download/images.csv?class=fox").content


def test_pictures_are_jpegs_of_the_size_asked_for(client: TestClient) -> None:
    full = Image.open(io.BytesIO(client.get("/picture/1").content))
    small = Image.open(io.BytesIO(client.get("/picture/1?small").content))
    assert (full.format, full.size, small.size) == ("JPEG", (640, 480), (480, 360))


def test_hostile_words_are_text(tmp_path: Path) -> None:
    hostile = {
        "dataset": HOSTILE,
        "seq_id": HOSTILE,
        "class": ["drop table images"],
        "location": {"lat": 1, "lon": 2, "x": HOSTILE},
    }
    box = {"category": "animal", "bbox": [0.1, 0.1, 0.5, 0.5], "class": HOSTILE, "confidence": 0.5}
    images = [{"file": f"{HOSTILE}.jpg", "datetime": HOSTILE, "bbox": [box], HOSTILE: HOSTILE}]
    ingest_megadb(tmp_path / "c.duckdb", [{**hostile, "images": images}])
    with plain_client(tmp_path / "c.duckdb") as client:
        for view in (*VIEWS, "/?class=" + HOSTILE):
            answer = client.get(view, params=None)
            assert answer.status_code == 200
            assert "<img src=x" not in answer.text and "onerror=alert(1)>" not in answer.text
        sequence = re.findall(r'class="tile" href="([^"]+)"', client.get("/").text)[0].replace("&amp;", "&")
        answer = client.get(sequence)
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
        assert client.get("/picture/1").headers["content-type"] == "image/svg+xml"


def test_an_empty_catalogue_has_pages(tmp_path: Path) -> None:
    with open_to_write(tmp_path / "c.duckdb", memory_mb=1024, threads=1):
        pass
    with plain_client(tmp_path / "c.duckdb") as client:
        for view in (*VIEWS, "/download/images.csv", "/download/places.parquet"):
            assert client.get(view).status_code == 200


def test_nothing_but_the_catalogue_can_be_read_or_changed(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    for sql in (f"SELECT * FROM '{tmp_path}/x.csv'", "DELETE FROM images", "SET enable_external_access = true"):
        with pytest.raises(duckdb.Error):
            reader.rows(Query(sql))


def test_missing_and_busy_catalogues_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file"), open_reader(tmp_path / "no", memory_mb=1024, threads=1):
        pass
    (tmp_path / "text").write_text("no database" * 1000)
    with (
        pytest.raises(CatalogError, match="is no catalogue"),
        open_reader(tmp_path / "text", memory_mb=1024, threads=1),
    ):
        pass


@pytest.mark.parametrize("text", ["0.5", "1", "0"])
def test_a_confidence_alone_means_images_with_boxes(text: str) -> None:
    assert read_search({"confidence": text}).boxes == "some"
    with pytest.raises(SearchError):
        read_search({"confidence": f"-{text}1"})
