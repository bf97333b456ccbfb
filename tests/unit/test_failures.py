"""`treeline errors`: failures in groups that a person can read, with advice that README gives too."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from treeline.config import Settings
from treeline.download.advice import ADVICE, advice_on, advice_table
from treeline.failures import ErrorTally, FailureGroup, count_errors, group_failures
from treeline.failures_report import print_failures
from treeline.io.names import encode_server_name
from treeline.io.parquet import write_table
from treeline.schemas import ERRORS, MANIFEST
from treeline.settings import paths_of
from treeline.status import Output, open_output

README = Path(__file__).parents[2] / "README.md"
NO_NAME = "ConnectError: Cannot connect to host {}.org:{} ssl:default [Name or service not known]"
NO_IMAGE = "not an image of a known format (starts with b'<html{}')"
ERROR_ROWS = [
    *(("a.org:80", -1, NO_NAME.format(f"cdn{row}", row), f"http://u:p@a.org:80/{row}") for row in range(5)),
    ("a.org:80", -1, "127.0.0.1 is a private address; see allow_private_addresses", "http://a.org:80/p"),
    ("a.org:80", -1, "[::1]:8080 is a private address; see allow_private_addresses", "http://a.org:80/q"),
    ("a.org:80", -2, NO_IMAGE.format("1"), "http://a.org:80/x"),
    ("a.org:80", -2, NO_IMAGE.format("\\x00"), "http://a.org:80/y"),
    ("b.org", 404, "HTTP 404 Not Found", "http://b.org/1"),
    ("b.org", 410, "HTTP 410 Gone", "http://b.org/2"),
    ("b.org", -3, "http://b.org/robots.txt disallows http://b.org/3", "http://b.org/3"),
    ("b.org", -5, None, "http://b.org/4"),
    ("b.org", -2, "30000 x 20000 pixels are more than the limit of 100000000", "http://b.org/5"),
]


@pytest.fixture
def output(tmp_path: Path) -> Output:
    """Two shards, one of each server, and one that is not downloaded yet."""
    settings = Settings(path_to_input="in.csv", path_to_output=str(tmp_path))
    paths = paths_of(settings)
    servers = ["a.org:80", "b.org", "c.org"]
    manifest = {"server_name": servers, "partition_id": [0] * 3, "rows": [9] * 3, "sha256": ["x"] * 3}
    write_table(paths.manifest, pa.table(manifest, schema=MANIFEST))
    for server in servers[:2]:
        rows = [
            {"uuid": "u", "identifier": url, "error_code": code, "error_msg": message}
            for of_server, code, message, url in ERROR_ROWS
            if of_server == server
        ]
        errors = paths.shard(encode_server_name(server), 0) / "errors.parquet"
        write_table(errors, pa.Table.from_pylist(rows, schema=ERRORS))
        write_table(errors.with_name("errors.0001.parquet"), pa.Table.from_pylist(rows, schema=ERRORS))
    return open_output(settings)


def test_what_differs_in_detail_is_one_group(output: Output) -> None:
    groups = {(group.error_code, group.message): group.images for group in group_failures(output)}
    assert groups == {
        (-1, "ConnectError: Cannot connect to host <host> ssl:default [Name or service not known]"): 5,
        (-1, "<host> is a private address; see allow_private_addresses"): 2,
        (-2, "not an image of a known format (starts with <bytes>)"): 2,
        (404, "HTTP 404 Not Found"): 1,
        (410, "HTTP 410 Gone"): 1,
        (-3, "<url> disallows <url>"): 1,
        (-5, ""): 1,
        (-2, "<n> x <n> pixels are more than the limit of <n>"): 1,
    }
    assert sum(groups.values()) == len(ERROR_ROWS) == count_errors(output).total()


def test_examples_are_few_and_without_credentials(output: Output) -> None:
    largest = group_failures(output)[0]
    assert (largest.server_name, largest.images) == ("a.org:80", 5)
    assert largest.examples == [f"http://***@a.org:80/{row}" for row in range(3)]


def test_servers_and_codes_are_chosen(output: Output) -> None:
    assert {group.server_name for group in group_failures(output, servers=["A.org:80"])} == {"a.org:80"}
    assert [group.error_code for group in group_failures(output, codes=[-5, 404])] == [-5, 404]
    assert group_failures(output, servers=["nobody.org"]) == []


@pytest.mark.parametrize(
    ("code", "message", "what"),
    [
        (403, "HTTP 403 Forbidden", "user_agent"),
        (418, "HTTP 418", "see the message"),
        (-1, "no complete answer within <n> s", "raise `timeout`"),
        (-1, "<host> is a private address; see allow_private_addresses", "servers of your own"),
        (-1, "ConnectError: Cannot connect to host <host> ssl:default [Name or service not known]", "again later"),
        (-1, "ConnectError: [SSLCertVerificationError: certificate verify failed]", "unverified_servers"),
        (-2, "the body is larger than <n> bytes", "max_image_bytes"),
        (-2, "truncated JPEG: it has no end marker", "in a browser"),
        (-3, "", "obey_robots_txt"),
        (-4, "", "opt_out_directives"),
        (-5, "", "server is back"),
    ],
)
def test_each_cause_has_its_advice(code: int, message: str, what: str) -> None:
    assert what in advice_on(code, message).what_to_do


def test_readme_gives_the_same_advice() -> None:
    assert advice_table() in README.read_text()
    assert advice_table().count("\n") == len(ADVICE) + 2


def test_groups_are_printed_for_people_and_for_programs(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    groups = [*group_failures(output, codes=[404]), FailureGroup("c.org", -2, "[bold]\x1b[1m", 2, [])]
    print_failures(groups, as_json=False)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "b.org: 404, 1 image: HTTP 404 Not Found",
        "    the image is gone: nothing; ask the source for a newer table",
        "    for example http://b.org/1",
        "c.org: -2, 2 images: [bold]?[1m",
        "    no whole image: a web page, a cut-off file: see the message, and open an example in a browser",
    ]
    print_failures(groups[:1], as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "server_name": "b.org",
            "error_code": 404,
            "message": "HTTP 404 Not Found",
            "images": 1,
            "examples": ["http://b.org/1"],
            "what_to_do": "the image is gone: nothing; ask the source for a newer table",
        }
    ]
    print_failures([], as_json=False)
    assert capsys.readouterr().out == "No image of a finished shard has failed.\n"


def test_a_tally_opens_each_table_once(output: Output) -> None:
    tally, paths = ErrorTally(), output.paths
    finished = output.shards[:2]
    for shard in finished:
        for target in output.shard_targets(shard):
            target.touch()
    assert tally.count(output) == (counted := count_errors(output))
    for shard in finished:
        output.shard_file(shard, "errors.parquet").write_bytes(b"no longer a table")
    output.folders.look_again()
    assert tally.count(output) == counted
    rows = [{"uuid": "u", "identifier": "http://c.org/1", "error_code": 404, "error_msg": "gone"}] * 2
    write_table(paths.shard("c.org", 0) / "errors.parquet", pa.Table.from_pylist(rows, schema=ERRORS))
    for name in ("completed", "successes.parquet"):
        (paths.shard("c.org", 0) / name).touch()
    output.folders.look_again()
    assert tally.count(output) == {**counted, ("c.org", 404, "gone"): 2}
