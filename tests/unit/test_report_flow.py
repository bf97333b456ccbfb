"""The flow of the report: of every folder that there may be, each row is where it should be, and arrows add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report_collections import Image, Made, Shard, write_collection
from treeline.report.facts.arrows import EARLIER, Arrow, Node, split
from treeline.report.facts.detected import read_seen
from treeline.report.facts.flow_images import decoded, downloads

TOOLS: dict[str, Any] = {"size_based": {}, "duplication_based": {"keep": ["size_based"]}, "image_verification": {}}
KEEP = ["duplication_based", "image_verification"]
ORDER = ["size_based", "duplication_based", "image_verification"]
STAGES = ["urls", "download", "tools", "decode", "detect"]

verdicts = st.fixed_dictionaries({}, optional={tool: st.sampled_from(["keep", "drop"]) for tool in ORDER})
boxes = st.lists(st.tuples(st.sampled_from(["animal", "person"]), st.sampled_from([0.05, 0.19, 0.2, 0.9])), max_size=3)
images = st.builds(
    Image,
    uuid=st.just(""),
    columns=st.just({}),
    verdicts=verdicts,
    is_decodable=st.booleans(),
    boxes=st.none() | boxes,
    has_failed=st.booleans(),
)
shards = st.builds(
    Shard,
    server=st.just("a.org:80"),
    partition=st.just(0),
    left=st.just(5),
    requests=st.just([]),
    state=st.sampled_from(["downloaded", "downloaded", "left"]),
    images=st.lists(images, max_size=5),
    errors=st.lists(st.just((404, "gone")), max_size=2),
    judged_by=st.lists(st.sampled_from(ORDER), unique=True),
    is_decoded=st.booleans(),
)


def consistent(made: list[Shard]) -> list[Shard]:
    """The shards as the stages would leave them: what a stage does not get, it cannot have looked at."""
    for number, shard in enumerate(made):
        shard.partition = number
        shard.is_decoded = shard.is_decoded and shard.state == "downloaded" and set(KEEP) <= {*shard.judged_by}
        for place, image in enumerate(shard.images):
            told = {tool: verdict for tool, verdict in image.verdicts.items() if tool in shard.judged_by}
            if told.get("size_based") != "keep":
                told.pop("duplication_based", None)
            is_seen = shard.is_decoded and image.is_decodable and all(told.get(tool) == "keep" for tool in KEEP)
            is_taken = shard.is_decoded and all(told.get(tool) == "keep" for tool in KEEP)
            shard.images[place] = image._replace(
                uuid=f"{number}-{place}",
                verdicts=told,
                boxes=image.boxes if is_seen else None,
                is_decodable=image.is_decodable or not is_taken,
            )
    return made


def fates(shard: Shard) -> Iterable[str]:
    """Where each row of a shard ends, image by image."""
    if shard.state != "downloaded":
        yield from ["not downloaded yet" if shard.state == "left" else "of an ignored server"] * shard.rows
        return
    yield from ["errors"] * len(shard.errors)
    for image in shard.images:
        droppers = [tool for tool in ORDER if image.verdicts.get(tool) == "drop"]
        if not set(KEEP) <= {*shard.judged_by}:
            yield "not judged yet"
        elif droppers:
            yield f"dropped by {droppers[0]}"
        elif not all(image.verdicts.get(tool) == "keep" for tool in KEEP):
            yield "not judged"
        elif not shard.is_decoded:
            yield "not decoded yet"
        elif not image.is_decodable:
            yield "undecodable"
        elif image.boxes is None:
            yield "not looked at yet"
        elif image.has_failed:
            yield "not readable for the detector"
        else:
            sure = [(-confidence, category) for category, confidence in image.boxes if confidence >= 0.2]
            yield min(sure)[1] if sure else "nothing detected"


def ends(arrows: Iterable[Arrow]) -> Counter[str]:
    """Rows by the last node that they reach."""
    arrows = list(arrows)
    sources = {arrow.source for arrow in arrows}
    counts = Counter[str]()
    for arrow in arrows:
        if arrow.target not in sources:
            counts[arrow.target] += arrow.rows
    return counts


def assert_adds_up(arrows: Iterable[Arrow]) -> None:
    """What goes into a node comes out of it, unless it ends there; every arrow has rows."""
    into, out = defaultdict[tuple[str, str], int](int), defaultdict[tuple[str, str], int](int)
    for arrow in arrows:
        assert arrow.rows > 0
        into[arrow.part, arrow.target] += arrow.rows
        out[arrow.part, arrow.source] += arrow.rows
    for node in into.keys() & out.keys():
        assert into[node] == out[node], node


def flow_of(made: Made) -> list[Arrow]:
    with made.open() as collection:
        return [*downloads(collection), *decoded(collection, read_seen(collection))]


@settings(max_examples=60)
@given(
    st.lists(shards, max_size=4),
    st.lists(st.sampled_from(["no_identifier", "unparsable_url"]), max_size=3),
    st.booleans(),
)
def test_every_row_is_where_it_was_left(made: list[Shard], rejected: list[str], some_ignored: bool) -> None:
    made = consistent(made)
    if some_ignored:
        made.append(Shard("b.org", 0, "ignored", left=7))
    with TemporaryDirectory() as folder:
        arrows = flow_of(
            write_collection(Path(folder), made, rejected, stages=STAGES, tools_parameters=TOOLS, decode={"keep": KEEP})
        )
    expected = Counter(f"rejected: {reason}" for reason in rejected)
    expected.update(fate for shard in made for fate in fates(shard))
    assert ends(arrows) == expected
    assert_adds_up(arrows)
    assert sum(arrow.rows for arrow in arrows if arrow.source == "rows of the input") == expected.total()


@given(
    st.integers(0, 20),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)),
    st.dictionaries(st.just("c"), st.integers(0, 9)),
)
def test_a_node_that_had_more_before_gets_an_arrow_for_them(
    rows: int, kept: dict[str, int], lost: dict[str, int]
) -> None:
    arrows = list(split(Node("p", "n", rows), "s", kept, lost, "waits"))
    out = sum(arrow.rows for arrow in arrows if arrow.source == "n")
    earlier = sum(arrow.rows for arrow in arrows if arrow.source == EARLIER)
    assert out == rows + earlier
    assert earlier == max(0, sum(kept.values()) + sum(lost.values()) - rows)
