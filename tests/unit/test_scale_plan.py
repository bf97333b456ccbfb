"""The plan of a collection says what the pipeline's own code then does, and its figures hang together."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.benchmarks.scale.__main__ import main
from tests.benchmarks.scale.breaks import LIMITS, first_at
from tests.benchmarks.scale.case import Case
from tests.benchmarks.scale.costs import Costs, fit, keep
from tests.benchmarks.scale.documented import SIZES, case, parts, tranches
from tests.benchmarks.scale.hours import time_of_all
from tests.benchmarks.scale.measure import PIECES
from tests.benchmarks.scale.measure_calls import count_calls
from tests.benchmarks.scale.measure_published import INGEST, published
from tests.benchmarks.scale.plan import foresee
from tests.benchmarks.scale.servers import Server, servers_by_zipf, zipf_counts
from tests.benchmarks.scale.show import figure
from tests.benchmarks.scale.write import PAGE, costs_tables, plan_tables
from treeline.cli import app
from treeline.download.schedule import read_schedule
from treeline.io.manifest import read_manifest

COSTS = Costs.read()
MAY_FALL = {"largest_share", "download_seconds"}
"""More URLs on a small server make the largest one's share smaller; one lane more for a server spares it pauses."""

NAMES = st.sampled_from(["a.org", "a.org:8080", "a-b.org", "b.org", "127.0.0.1:9", "xn--bcher-kva.example"])
LANES = st.lists(st.lists(st.floats(0.01, 1000), max_size=6), max_size=8)


def values(case: Case) -> dict[str, float]:
    return {item.name: item.value for item in foresee(case, COSTS)}


@given(
    urls=st.dictionaries(NAMES, st.integers(1, 60), min_size=1),
    batch_size=st.integers(1, 20),
    max_lanes=st.integers(1, 5),
    thresholds=st.tuples(st.integers(2, 4), st.integers(5, 8)),
)
@settings(max_examples=10, deadline=None)
def test_the_real_commands_make_the_batches_and_lanes_that_the_plan_counts(
    make_folder: Callable[[], Path], urls: dict[str, int], batch_size: int, max_lanes: int, thresholds: tuple[int, int]
) -> None:
    rules = {1: 1, thresholds[0]: 2, thresholds[1]: 3}
    folder = make_folder()
    with (folder / "urls.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["identifier"])
        table.writerows([f"http://{name}/{number}"] for name, count in urls.items() for number in range(count))
    case = Case(
        [Server(name, count, 5) for name, count in urls.items()],
        batch_size=batch_size,
        schedule_rules=rules,
        max_lanes=max_lanes,
    )
    treeline(f"urls partition --input {folder}/urls.csv --output-folder {folder}/urls --batch-size {batch_size}")
    assert {shard.id: shard.rows for shard in read_manifest(folder / "urls/manifest.parquet")} == case.rows

    (folder / "profiles.csv").write_text("server_name,rate_limit\n" + "".join(f"{name},5\n" for name in urls))
    tables = f"--manifest {folder}/urls/manifest.parquet --profiles {folder}/profiles.csv"
    folders = f"--schedules {folder}/schedules --logs {folder}/logs"
    others = f"--ignored {folder}/ignored.csv --checkpoint {folder}/checkpoint.yaml --max-lanes {max_lanes}"
    treeline(f"download schedule {tables} {folders} {others}", "--schedule-rules", json.dumps(rules))
    assert read_schedule(folder / "schedules/current/0000/0000.csv").lanes == case.lanes.lanes


def treeline(command: str, *more: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), *more], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    return lambda: tmp_path_factory.mktemp("plan")


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=6), st.data())
@settings(max_examples=30, deadline=None)
def test_no_figure_falls_when_a_server_has_more_urls(urls: list[int], data: st.DataObject) -> None:
    servers = [Server(f"{number}.org", count, 5) for number, count in enumerate(urls)]
    case = Case(servers, batch_size=data.draw(st.sampled_from([100, 1000, 10_000])))
    place, more = data.draw(st.integers(0, len(urls) - 1)), data.draw(st.integers(1, 100_000))
    grown = [*servers[:place], servers[place]._replace(urls=urls[place] + more), *servers[place + 1 :]]
    less, greater = values(case), values(replace(case, servers=grown))
    assert all(less[name] <= greater[name] * (1 + 1e-9) for name in less.keys() - MAY_FALL)
    assert greater["urls"] == sum(urls) + more
    assert greater["jobs"] == 3 * greater["shards"]
    assert greater["disk_bytes"] == pytest.approx(
        sum(greater[f"{part}_bytes"] for part in ("images", "decoded", "requests"))
    )
    assert greater["download_seconds"] >= greater["slowest_server_seconds"]


@given(st.integers(1, 10**7), st.integers(1, 300), st.floats(0, 3))
@settings(deadline=None)
def test_every_url_is_dealt_to_a_server(urls: int, servers: int, skew: float) -> None:
    if servers > urls:
        with pytest.raises(ValueError, match="cannot be dealt"):
            zipf_counts(urls, servers, skew)
        return
    counts = zipf_counts(urls, servers, skew)
    assert sum(counts) == urls
    assert all(larger >= smaller >= 1 for larger, smaller in pairwise([*counts, 1]))


@given(LANES, st.integers(1, 9))
def test_lanes_take_as_long_as_any_fair_order_may(lanes: list[list[float]], at_once: int) -> None:
    """Graham's bounds: Bounds on multiprocessing timing anomalies, 1969."""
    total, longest = sum(map(sum, lanes)), max(map(sum, lanes), default=0)
    seconds = time_of_all(lanes, at_once)
    assert max(longest, total / at_once) - 1e-6 <= seconds <= total / at_once + longest + 1e-6
    if at_once >= len(lanes):
        assert seconds == pytest.approx(longest)
    if at_once == 1:
        assert seconds == pytest.approx(total)


@given(st.floats(0, 1e6), st.floats(1e-6, 1e3), st.sets(st.integers(1, 10**6), min_size=2, max_size=5))
def test_a_line_is_found_through_points_on_it(fixed: float, each: float, things: set[int]) -> None:
    line = fit(list(things), [fixed + each * number for number in things])
    assert line.at(2 * max(things)) == pytest.approx(fixed + each * 2 * max(things), rel=1e-3)


@pytest.mark.parametrize("costs", [[10.0, 9.0, 8.0], [1.0, 100.0, 10_000.0]])
def test_a_line_never_begins_below_0_nor_falls(costs: list[float]) -> None:
    line = fit([1, 2, 3], costs)
    assert line.fixed >= 0
    assert line.each > 0


@given(st.integers(50, 10**6), st.integers(1, 50), st.integers(1, 10**6), st.integers(1, 9))
@settings(deadline=None)
def test_tranches_and_parts_have_every_server_once(urls: int, servers: int, size: int, number: int) -> None:
    whole = Case(servers_by_zipf(urls, servers, 5))
    for cut in (tranches(whole, size), parts(whole, min(number, servers))):
        assert sorted(server for one in cut for server in one.servers) == sorted(whole.servers)
    smallest = [max(server.urls for server in one.servers) for one in tranches(whole, size)]
    assert smallest == sorted(smallest)


def test_a_limit_is_exceeded_where_its_figure_crosses_it() -> None:
    squares = {urls: urls**2 / 1e6 for urls in (1_000, 10_000, 100_000)}
    assert first_at(squares, 400) == pytest.approx(20_000)
    assert first_at(squares, 0.5) == 1_000
    assert first_at(squares, 1e9) is None
    assert {limit.item for limit in LIMITS} <= values(Case(servers_by_zipf(10_000, 5, 5))).keys()


def test_everything_is_measured_that_can_be() -> None:
    assert COSTS.pieces.keys() == PIECES.keys()


def test_the_page_has_what_the_costs_say() -> None:
    documented = {urls: {item.name: item for item in foresee(case(urls), COSTS)} for urls in SIZES}
    page = PAGE.read_text(encoding="utf-8")
    for line in (*costs_tables(COSTS), *plan_tables(documented)):
        assert f"\n{line}\n" in page, "run python -m tests.benchmarks.scale.write"


def test_measured_rows_replace_those_of_their_size_alone(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    keep("plans", [{"shards": 2, "s": 3}, {"shards": 1, "s": 1}], "shards", "a", file)
    keep("plans", [{"shards": 2, "s": 4}, {"shards": 2, "s": 5}], "shards", "b", file)
    keep("calls", [{"images": 1}], "images", "c", file)
    costs = Costs.read(file)
    assert costs.rows("plans") == [{"shards": 1, "s": 1}, {"shards": 2, "s": 4}, {"shards": 2, "s": 5}]
    assert costs.value("plans", "s", shards=1) == 1
    assert costs.pieces["plans"]["command"] == "b"


def test_calls_are_counted_by_what_and_where(tmp_path: Path) -> None:
    lines = [
        '7 openat(AT_FDCWD</work>, "/usr/lib/a.so", O_RDONLY|O_CLOEXEC) = 3</usr/lib/a.so>',
        f'7 openat(AT_FDCWD<{tmp_path}>, "shard/successes", O_WRONLY|O_CREAT, 0666) = 3',
        f'8 newfstatat(AT_FDCWD<{tmp_path}>, "shard", 0x7ff, 0) = 0',
        f'8 newfstatat(AT_FDCWD<{tmp_path}>, "/usr/lib", 0x7ff, 0) = -1 ENOENT (No such file or directory)',
        f'8 rename("{tmp_path}/a", "{tmp_path}/b") = 0',
        '8 execve("/usr/bin/python", ["python"], 0x7 /* 9 vars */) = 0',
        "8 +++ exited with 0 +++",
    ]
    assert count_calls(lines, tmp_path) == {
        ("opens", "of_programs"): 1,
        ("changes", "of_results"): 2,
        ("looks", "of_results"): 1,
        ("looks", "of_programs"): 1,
    }


def test_other_benchmarks_are_read_from_their_page() -> None:
    row = published(INGEST)
    assert row["rows"] == 16_000_000
    assert row["mib_of_files"] > 0 < row["cpu_seconds"]
    with pytest.raises(KeyError, match="0 rows"):
        published("no such run")


def test_the_command_plans_a_table_of_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "servers.csv"
    table.write_text("server_name,urls,rate_limit\nfast.org,1000000,50\nslow.org,1000,\n")
    assert main(["plan", "--table", str(table), "--rate-limit", "2", "--batch-size", "1000", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["shards"] == {
        "value": 1001,
        "unit": "",
        "kind": "counted",
        "how": "each server's URLs / batch size, rounded up",
    }
    assert plan["slowest_server_seconds"]["value"] == pytest.approx(20_000)
    assert main(["plan", "--table", str(table), "--rate-limit", "2", "--batch-size", "1000"]) == 0
    assert "1,001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server_name\na.org\n", "field 'urls': the column is missing"),
        ("server_name,urls\na.org,many\n", "row 1, field 'urls': expected a number above 0, found 'many'"),
        ("server_name,urls,rate_limit\na.org,5,0\n", "row 1, field 'rate_limit'"),
        ("server_name,urls\n", "names no server"),
    ],
)
def test_a_table_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    table = tmp_path / "servers.csv"
    table.write_text(text)
    assert main(["plan", "--table", str(table)]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--urls", "10"], "10 URLs are too few for 545 servers"),
        (["--urls", "1e9", "--batch-size", "10"], "raise the batch size"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    assert main(["plan", *options]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--urls", "1.5"], ["--urls", "9", "--jobs", "0"], ["--urls", "9", "--schedule-rules", "[1]"], []]
)
def test_a_wrong_option_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plan", *options])
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (59, "s", "59 s"),
        (119, "s", "119 s"),
        (7199, "s", "120 min"),
        (86_400 * 400, "s", "400 days"),
        (1.5e12, "B", "1.5 TB"),
        (17, "B", "17 B"),
        (0.1666, "share", "16.7 %"),
        (100_000, "", "100,000"),
        (2.5e9, "", "2.5 billion"),
    ],
)
def test_figures_have_units(value: float, unit: str, text: str) -> None:
    assert figure(value, unit) == text  # type: ignore[arg-type]
