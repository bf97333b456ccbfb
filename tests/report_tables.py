"""Tables of a report on a collection that is made up, of any number of servers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from treeline.report.tables import COLUMNS, make_table, write_tables

MEANINGS = {
    404: ("the image is gone", "nothing; ask the source for a newer table"),
    503: ("after all tries still overloaded", "lower `default_rate_limit`; then `treeline download retry`"),
    600: ("a time-out: no answer, or a slow one", "raise `timeout`; then `treeline download retry`"),
    607: ("the server's robots.txt asks not to fetch it", "leave it, or ask the owner"),
}
BEGIN = 1_750_000_000.0
"""Seconds since 1970 of the first request."""

BINS_OF_TIME, SECONDS = 120, 600.0


def report_tables(servers: int = 14, rows: int = 20_000) -> dict[str, pd.DataFrame]:
    """Make all tables: `servers` of them have `rows` on average, and every stage has run."""
    rng = np.random.default_rng(5)
    table = _servers(rng, servers, rows)
    errors = _errors(rng, table)
    images = int(table["images"].sum())
    made = {
        "servers": table,
        "errors": errors,
        "rates": _rates(rng, table),
        "politeness": _politeness(rng, table),
        "flow": pd.DataFrame(_flow(table)),
        "formats": _formats(images),
        "sizes": pd.DataFrame(_sizes(images)),
        "licenses": pd.DataFrame(
            {
                "license": ["CC-BY-4.0", "CC0-1.0", "CC-BY-NC-4.0", ""],
                "images": _parts(images, 4),
                "status": ["full", "full", "full", "missing"],
                "full": [*_parts(images, 4)[:3], 0],
            }
        ),
        "attribution": pd.DataFrame(
            {
                "field": ["license", "source", "title", "url"],
                "images": [images - 9, images, images // 3, images],
                "of": images,
            }
        ),
        "duplicates": pd.DataFrame({"kind": ["original", "near"], "groups": [12, 80], "images": [30, 210]}),
        "detections": pd.DataFrame(_detections(rng)),
        "gallery": pd.DataFrame(_gallery(rng)),
        "catalog": pd.DataFrame({"kind": ["table", "source"], "name": ["images", "birds"], "rows": [images, 90]}),
        "datasets": pd.DataFrame(
            {"dataset": "birds", "split": ["train", "val", "test"], "samples": [700, 150, 150], "leaks": 0}
        ),
        "models": pd.DataFrame(
            {"run": "first", "dataset": "birds", "metric": ["accuracy", "f1"], "value": [0.91, 0.89]}
        ),
        "rules": pd.DataFrame(_rules(rng)),
        "disk": pd.DataFrame(
            {"stage": ["images", "decoded", "logs"], "files": [900, 300, 70], "bytes": [10**9, 10**8, 4000]}
        ),
        "provenance": pd.DataFrame(
            {"key": ["treeline", "manifest"], "value": ["0.0", "my-results/urls/manifest.parquet"]}
        ),
        "summary": pd.DataFrame(
            {
                "key": ["rows", "images", "bytes_received"],
                "value": [int(table["rows"].sum()) + _rejected(int(table["rows"].sum())), images, 3e9],
                "unit": ["", "", "bytes"],
            }
        ),
    }
    return {name: make_table(name, frame) for name, frame in made.items()}


def empty_tables() -> dict[str, pd.DataFrame]:
    """Tables without a row each."""
    return {name: make_table(name, []) for name in COLUMNS}


def write_report(tables: dict[str, pd.DataFrame], folder: Path) -> Path:
    """Write tables into `folder/tables`, and the page beside it."""
    from treeline.report.document import write_page

    write_tables(tables, folder / "tables")
    return write_page(folder / "tables", folder / "index.html")


def _rejected(rows: int) -> int:
    return rows // 50 + 2


def _parts(whole: int, count: int) -> list[int]:
    """A whole in so many parts, each half of the one before."""
    parts = [whole // 2**place for place in range(1, count)]
    return [*parts, whole - sum(parts)]


def _servers(rng: np.random.Generator, servers: int, rows: int) -> pd.DataFrame:
    counts = np.maximum(1, rows * rng.pareto(1.5, servers)).astype(int)
    errors = (counts * rng.uniform(0, 0.1, servers)).astype(int)
    not_done = np.where(rng.uniform(size=servers) < 0.2, (counts - errors) // 3, 0)
    images = counts - errors - not_done
    seconds = np.maximum(1, images // 20)
    return pd.DataFrame(
        {
            "server": [f"images-{place:03}.example.org" for place in range(servers)],
            **{"rows": counts, "images": images, "errors": errors, "not_done": not_done, "ignored": 0},
            **{"requests": images + errors, "bytes": images * 150_000, "seconds": seconds},
            **{"images_per_second": images / seconds, "rate_limit": 20.0, "learned_rate": rng.uniform(5, 20, servers)},
        }
    )


def _errors(rng: np.random.Generator, servers: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for server, count in zip(servers["server"], servers["errors"], strict=True):
        codes = rng.permutation(list(MEANINGS))[:2]
        for code, images in zip(codes.tolist(), (count - count // 3, count // 3), strict=True):
            if images:
                meaning, advice = MEANINGS[code]
                example = f"https://{server}/photos/{code}.jpg?size=large"
                rows.append((server, code, f"HTTP {code}: <url>", images, example, meaning, advice))
    return pd.DataFrame(rows, columns=["server", "code", "message", "images", "example", "meaning", "advice"])


def _rates(rng: np.random.Generator, servers: pd.DataFrame) -> pd.DataFrame:
    times = BEGIN + SECONDS * np.arange(BINS_OF_TIME)
    busiest = servers.sort_values("requests", ascending=False)["server"].tolist()[:20]
    pieces = []
    for place, server in enumerate(["", *busiest]):
        allowed = 20.0 * np.clip(1 - np.abs(np.sin(np.arange(BINS_OF_TIME) / (9 + place))) / 2, 0.3, 1)
        sent = allowed * rng.uniform(0.8, 1.0, BINS_OF_TIME) * (len(busiest) if server == "" else 1)
        piece = pd.DataFrame({"time": times, "seconds": SECONDS, "requests_per_second": sent})
        piece = piece.assign(server=server, images_per_second=0.95 * sent, bytes_per_second=140_000 * sent)
        piece["rate_limit"] = np.nan if server == "" else allowed
        # Nothing was asked for a while.
        pieces.append(piece.drop(index=range(40 + place, 50 + place)))
    return pd.concat(pieces)


def _politeness(rng: np.random.Generator, servers: pd.DataFrame) -> pd.DataFrame:
    most = rng.integers(60, 200, len(servers))
    return pd.DataFrame(
        {
            "server": servers["server"],
            **{"requests": servers["requests"], "rate_limit": 20.0},
            **{"most_in_1_second": most // 9, "most_in_10_seconds": most},
            **{"allowed_in_1_second": 21.0, "allowed_in_10_seconds": 201.0, "share": most / 201.0, "held": 1},
            **{"refused_by_robots": 3, "refused_by_opt_out": 0, "slow_downs": 7, "parked": 0},
        }
    )


def _flow(servers: pd.DataFrame) -> list[dict[str, object]]:
    rows, images, errors, left = (int(servers[name].sum()) for name in ("rows", "images", "errors", "not_done"))
    rejected, kept = _rejected(rows), images - images // 20
    animals = kept // 3
    arrows = [
        ("images", "urls", "rows of the input", "batches", rows, "kept"),
        ("images", "urls", "rows of the input", "no URL", rejected // 2, "lost"),
        ("images", "urls", "rows of the input", "there before", rejected - rejected // 2, "lost"),
        ("images", "download", "batches", "images", images, "kept"),
        ("images", "download", "batches", "errors", errors, "lost"),
        ("images", "download", "batches", "not asked for yet", left, "waiting"),
        ("images", "tools", "images", "kept", kept, "kept"),
        ("images", "tools", "images", "left out by duplicates", images - kept, "lost"),
        ("images", "decode", "kept", "decoded", kept - 1, "kept"),
        ("images", "decode", "kept", "undecodable", 1, "lost"),
        ("images", "detect", "decoded", "something found", animals, "kept"),
        ("images", "detect", "decoded", "nothing found", kept - 1 - animals, "kept"),
        ("lookup", "lookup", "decoded images", "in a group", animals, "kept"),
        ("lookup", "lookup", "decoded images", "in no group", kept - 1 - animals, "kept"),
        ("groups", "extract", "birds", "extracted of birds", animals - 3, "kept"),
        ("groups", "extract", "birds", "missing of birds", 3, "lost"),
        ("groups", "extract", "bees", "extracted of bees", animals // 2, "kept"),
        ("datasets", "datasets", "birds", "train", 700, "kept"),
        ("datasets", "datasets", "birds", "val", 150, "kept"),
        ("datasets", "datasets", "birds", "test", 150, "kept"),
    ]
    names = ("part", "stage", "source", "target", "rows", "kind")
    return [dict(zip(names, arrow, strict=True)) for arrow in arrows]


def _formats(images: int) -> pd.DataFrame:
    jpeg, png = images - images // 10, images // 10
    return pd.DataFrame(
        {
            "image": ["original", "original", "stored"],
            "format": ["JPEG", "PNG", "JPEG"],
            "images": [jpeg, png, images],
            "bytes": [jpeg * 200_000, -1, images * 90_000],
        }
    )


def _sizes(images: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    ranges = {"width": (200, 6000), "height": (150, 4000), "megapixels": (0.03, 24), "bytes": (9e3, 8e6)}
    for quantity, (low, high) in ranges.items():
        for image, top in (("original", high), ("stored", high / 4)):
            edges = np.geomspace(low, top, 25)
            counts = images * np.exp(-(np.linspace(-2, 2, 24) ** 2)) / 14
            rows += [
                {"image": image, "quantity": quantity, "images": int(count), "bin_low": left, "bin_high": right}
                for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return rows


def _detections(rng: np.random.Generator) -> list[dict[str, object]]:
    rows = []
    for category, boxes in {"animal": 4000, "person": 300, "vehicle": 25}.items():
        counts = (boxes * (0.2 + np.linspace(-1, 1, 20) ** 2) * rng.uniform(0.8, 1.2, 20) / 10).astype(int)
        for place, count in enumerate(counts.tolist()):
            bin_of_it = {"confidence_low": place / 20, "confidence_high": (place + 1) / 20}
            rows.append({"category": category, "boxes": count, "images": count // 2, **bin_of_it})
    return rows


def _gallery(rng: np.random.Generator) -> list[dict[str, object]]:
    rows = []
    for place in range(8):
        width, height = ((320, 240), (180, 320), (400, 200))[place % 3]
        picture = io.BytesIO()
        shade = rng.integers(60, 200, 3)
        Image.fromarray(np.full((height, width, 3), shade, np.uint8)).save(picture, format="JPEG")
        boxes = [
            {"category": "animal", "confidence": 0.93, "box": [0.1, 0.2, 0.4, 0.5]},
        ]
        rows.append(
            {
                **{"uuid": f"uuid-{place}", "server": "images-000.example.org", "license": "CC-BY-4.0"},
                **{"title": f"Photo {place} <b>", "url": f"https://images-000.example.org/{place}.jpg"},
                **{"boxes": json.dumps(boxes if place % 2 == 0 else []), "width": width, "height": height},
                "picture": picture.getvalue(),
            }
        )
    return rows


def _rules(rng: np.random.Generator) -> list[dict[str, object]]:
    rows = []
    for place, rule in enumerate(("partition_urls", "download_shard", "decode_shard", "detect_shard", "catalog_build")):
        jobs, seconds = int(rng.integers(1, 400)), float(rng.uniform(2, 90))
        row = {"rule": rule, "source": "benchmark", "jobs": jobs, "seconds": jobs * seconds, "seconds_median": seconds}
        row |= {"seconds_max": 3 * seconds, "cpu_seconds": 0.7 * jobs * seconds, "memory_mib": 200.0 + 90 * place}
        row |= {"asked_memory_mib": 1000 if place else -1, "asked_minutes": 30 if place else -1, "asked_threads": 1}
        memory = row["memory_mib"] / 1000 if place else np.nan
        row |= {"memory_share": memory, "time_share": 3 * seconds / 1800 if place else np.nan, "threads_share": 0.7}
        rows.append(row)
    return rows
