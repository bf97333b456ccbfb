"""A table that was written to do harm, through Snakemake to the end of the downloads."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq

from tests.batches import encoded, photo
from tests.pipeline import Project
from tests.servers import ImageServer

# What the name lookup of a made-up host answers depends on the machine; a reserved name is never found.
NOWHERE = "nobody.invalid"


def hostile_rows(server: ImageServer) -> list[tuple[str, str]]:
    """(uuid, URL) of every kind; the empty uuid has one made."""
    image = {"body": encoded(photo())}
    good = [server.add(path, **image) for path in ("/a.jpg", "/b%20c.jpg?x=1&y=%26", "/..%2F..%2Fetc/passwd")]
    return [
        *(("", url) for url in good),
        ("../../../../tmp/outside", good[0] + "?1"),
        ("/etc/passwd", good[0] + "?2"),
        ("..", good[0] + "?3"),
        ("name.with.dots", good[0] + "?4"),
        ("x" * 300, good[0] + "?5"),
        ("", "http://../../etc/passwd"),
        ("", "http://..%2f..%2fetc/passwd"),
        ("", "http://a/../../b\\..\\..\\c"),
        ("", f"http://{NOWHERE}/" + "a" * 10_000_000),
        ("", f"http://{NOWHERE}/with\0nul"),
        ("", f"http://{NOWHERE}/with\nnewline"),
        ("", f"http://{NOWHERE}\r\nHost: elsewhere/"),
        ("", f"http://bücher.{NOWHERE}/ä.jpg"),
        ("", f"http://☃.{NOWHERE}/"),
        ("", f"http://xn--a.{NOWHERE}/"),
        ("", "http://" + "a" * 400 + ".invalid/"),
        ("", f"http://user:secret@{NOWHERE}/"),
        ("", "file:///etc/passwd"),
        ("", "ftp://127.0.0.1/a.jpg"),
        ("", "data:image/png;base64,AAAA"),
        ("", "javascript:alert(1)"),
        ("", "http://[::1/"),
        ("", "http://127.0.0.1:99999/"),
        ("", "http://127.0.0.1:port/"),
        ("", "http:///nohost"),
        ("", "//127.0.0.1/a.jpg"),
        ("", "not a URL"),
        ("", ""),
        ("", "   "),
        ("", "=cmd|' /C calc'!A0"),
        ("", "'; DROP TABLE input; --"),
        ("", f"http://{NOWHERE}/{{server_name}}/$(touch%20outside)/`id`"),
        ("", f"http://$(touch outside).{NOWHERE}/"),
        ("", f"http://a%2Fb.{NOWHERE}/%s%n"),
    ]


def test_every_row_ends_in_a_table_and_no_file_is_outside(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "project"
    folder.mkdir(parents=True)
    project = Project(folder, folder)
    with ImageServer() as server:
        rows = hostile_rows(server)
        with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["uuid", "identifier", "source_id"])
            writer.writerows((uuid, url, f"row {number}") for number, (uuid, url) in enumerate(rows))
        (folder / "config.yaml").write_text(
            json.dumps(
                {
                    "path_to_input": "table.csv",
                    "stages": ["urls", "download"],
                    "lookup": {"groups_folder": "none"},
                    "downloader_parameters": {
                        "user_agent": "Tests (tests@example.org)",
                        "allow_private_addresses": True,
                        "max_retries": 0,
                        "timeout": 5.0,
                    },
                }
            )
        )
        before = {path for path in tmp_path.rglob("*") if path != folder}
        output = project.snakemake()
    assert "Traceback" not in output
    tables = {name: project.results.glob(f"images/*/*/{name}.parquet") for name in ("successes", "errors")}
    counts = {name: sum(pq.read_metadata(path).num_rows for path in paths) for name, paths in tables.items()}
    rejected = pq.read_table(project.results / "urls/rejected.parquet").to_pylist()
    assert counts["successes"] == 3
    assert counts["successes"] + counts["errors"] + len(rejected) == len(rows)
    assert all(row["reason"] for row in rejected)
    made = {path for path in tmp_path.rglob("*")} - before - {folder}
    assert {path.relative_to(folder).parts[0] for path in made} == {"results", ".snakemake"}
    logs = "".join(path.read_text(errors="replace") for path in project.results.glob("logs/**/*.log"))
    assert "secret" not in logs
    assert not any("secret" in row["identifier"] for row in rejected if row["identifier"])
