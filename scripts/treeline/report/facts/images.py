"""What the downloaded images are: sizes, formats, licences, attribution, repeats. No image is read."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from treeline.io.credits.facts import facts_of_shards
from treeline.io.licenses import License, normalise
from treeline.report.facts.collection import UNKNOWN, Collection, Rows
from treeline.schemas import NOT_PROVIDED

BINS_OF_AN_OCTAVE = 4
"""Of sizes: each bin ends at 2 ** 1/4 times its beginning."""

SIZES = {
    (image, quantity): expression.format(column)
    for image, column in (("original", "original_size"), ("stored", "resized_size"))
    for quantity, expression in (
        ("width", "{0}[2]"),
        ("height", "{0}[1]"),
        ("megapixels", "{0}[1] * {0}[2] / 1e6"),
    )
}
"""SQL of each quantity of each image."""

COUNT_SIZES = f"""
SELECT {", ".join(f"bin_{number}" for number in range(len(SIZES)))}, count(*) AS images
FROM (
    SELECT {
    ", ".join(
        f"if({size} > 0, floor({BINS_OF_AN_OCTAVE} * log2({size})), NULL)::INTEGER AS bin_{number}"
        for number, size in enumerate(SIZES.values())
    )
}
    FROM read_parquet(?, hive_partitioning = false)
)
GROUP BY GROUPING SETS ({", ".join(f"(bin_{number})" for number in range(len(SIZES)))})
"""

COUNT_LICENSES = f"""
SELECT
    if(license = '{NOT_PROVIDED}', NULL, license) AS license,
    count(*) AS images,
    count(*) FILTER (is_license_full) AS "full",
    count(*) FILTER (source <> '{NOT_PROVIDED}') AS with_source,
    count(*) FILTER (title <> '{NOT_PROVIDED}') AS with_title,
    count(identifier) AS with_url
FROM read_parquet(?, hive_partitioning = false)
GROUP BY 1
ORDER BY images DESC, license NULLS LAST
"""

# Batches hold the rows that failed, too.
COUNT_CREATORS = """
SELECT count(*) FROM {facts} AS facts ANTI JOIN read_parquet(?, hive_partitioning = false) AS errors USING (uuid)
WHERE coalesce(facts.creator, facts.rights_holder, facts.observer) IS NOT NULL
"""

COUNT_ENDINGS = r"""
SELECT
    lower(regexp_extract(coalesce(identifier, ''), '\.([A-Za-z0-9]{2,5})(?:[?#]|$)', 1)) AS ending,
    count(*) AS images
FROM read_parquet(?, hive_partitioning = false)
GROUP BY 1
ORDER BY images DESC, ending
"""

COUNT_REPEATS = """
SELECT count(*) AS groups, coalesce(sum(images), 0)::BIGINT AS images
FROM (SELECT count(*) AS images FROM read_parquet(?, hive_partitioning = false) GROUP BY {hash} HAVING count(*) > 1)
"""


COUNT_NEAR = """
SELECT count(DISTINCT main_uuid) AS groups, count(main_uuid) + groups AS images
FROM read_parquet(?, hive_partitioning = false)
"""

COUNT_BODIES = f"""
SELECT floor({BINS_OF_AN_OCTAVE} * log2(bytes))::INTEGER AS bin, count(*) AS images
FROM read_parquet(?, hive_partitioning = false)
WHERE status = 200 AND purpose <> 'robots' AND bytes > 0
GROUP BY 1
ORDER BY 1
"""


def measure_images(collection: Collection) -> dict[str, Rows]:
    """Make the tables `formats`, `sizes`, `licenses`, `attribution` and `duplicates`.

    Raises:
        InputError: A shard, a table of requests or one of duplicates cannot be read.
    """
    shards = collection.files("successes.parquet")
    licenses = collection.ask(COUNT_LICENSES, shards)
    return {
        "formats": [*_served_formats(collection, shards), *_stored_formats(collection)],
        "sizes": [*_sizes(collection, shards), *_bodies(collection)],
        "licenses": _licenses(licenses),
        "attribution": _attribution(collection, licenses),
        "duplicates": _duplicates(collection, shards),
    }


def _served_formats(collection: Collection, shards: list[Path]) -> Rows:
    """By the ending of the URL: nobody notes what came."""
    endings = collection.ask(COUNT_ENDINGS, shards)
    return [
        {"image": "original", "format": row["ending"], "images": row["images"], "bytes": UNKNOWN} for row in endings
    ]


def _stored_formats(collection: Collection) -> Rows:
    images, sizes = Counter[str](), Counter[str]()
    for outcome in collection.downloaded:
        images[outcome.image_format] += outcome.images
        sizes[outcome.image_format] += outcome.image_bytes
    return [
        {"image": "stored", "format": name, "images": count, "bytes": sizes[name]}
        for name, count in images.most_common()
    ]


def _sizes(collection: Collection, shards: list[Path]) -> Rows:
    counts = collection.ask(COUNT_SIZES, shards)
    rows: Rows = []
    for number, (image, quantity) in enumerate(SIZES):
        of_quantity = [(row[f"bin_{number}"], row["images"]) for row in counts if row[f"bin_{number}"] is not None]
        rows += [_bin(image, quantity, place, images) for place, images in sorted(of_quantity)]
    return rows


def _bodies(collection: Collection) -> Rows:
    counts = collection.ask(COUNT_BODIES, [collection.paths.requests(*one.shard.id) for one in collection.outcomes])
    return [_bin("original", "bytes", row["bin"], row["images"]) for row in counts]


def _bin(image: str, quantity: str, place: int, images: int) -> dict[str, object]:
    low, high = (2 ** ((place + end) / BINS_OF_AN_OCTAVE) for end in (0, 1))
    return {"image": image, "quantity": quantity, "images": images, "bin_low": low, "bin_high": high}


def _licenses(texts: list[dict[str, Any]]) -> Rows:
    """By what the texts mean."""
    counts: dict[License, Counter[str]] = defaultdict(Counter)
    for row in texts:
        counts[normalise(row["license"])].update(images=row["images"], full=row["full"])
    largest = sorted(counts.items(), key=lambda item: (-item[1]["images"], item[0].name or ""))
    return [{"license": license.name or "", "status": license.status, **count} for license, count in largest]


def _attribution(collection: Collection, licenses: list[dict[str, Any]]) -> Rows:
    given = {
        "creator": _with_creator(collection),
        "license": sum(row["images"] for row in licenses if row["license"] is not None),
        **{field: sum(row[f"with_{field}"] for row in licenses) for field in ("source", "title", "url")},
    }
    total = sum(row["images"] for row in licenses)
    return [{"field": field, "images": images, "of": total} for field, images in given.items()]


def _with_creator(collection: Collection) -> int:
    """Images of which the input tells who made them, as the credits have it: they are in their batches."""
    paths = collection.paths
    shards = [str(file.relative_to(paths.root)) for file in collection.files("successes.parquet")]
    facts = facts_of_shards(collection.connection, paths.root, paths.urls, shards)
    return collection.number(COUNT_CREATORS.format(facts=facts), collection.files("errors.parquet"))


def _duplicates(collection: Collection, shards: list[Path]) -> Rows:
    counts = {
        kind: collection.ask(COUNT_REPEATS.format(hash=column), shards)
        for kind, column in (("original", "hashsum_original"), ("stored", "hashsum_resized"))
    }
    counts["near"] = collection.ask(COUNT_NEAR, [collection.paths.tool("near_duplicates") / "duplicates.parquet"])
    return [{"kind": kind, **row} for kind, rows in counts.items() for row in rows]
