"""docs/scale.md: its tables and figures, from docs/scale/costs.json.

python -m tests.benchmarks.scale.write
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.benchmarks.page import write_section
from tests.benchmarks.scale.breaks import LIMITS, SIZES, Limit, first_at
from tests.benchmarks.scale.case import Case
from tests.benchmarks.scale.costs import FILE, Costs
from tests.benchmarks.scale.documented import RATES, Remedy, case, remedies
from tests.benchmarks.scale.documented import SIZES as DOCUMENTED
from tests.benchmarks.scale.figures import draw_breaks, draw_download, draw_plans
from tests.benchmarks.scale.measure import PIECES
from tests.benchmarks.scale.plan import Item, foresee
from tests.benchmarks.scale.show import figure, in_words
from treeline.io.atomic import write_bytes

FOLDER = FILE.parent
PAGE = FOLDER.parent / "scale.md"
REMEDIED = (
    "shards",
    "names",
    "jobs",
    "plan_new_cpu_seconds",
    "plan_new_bytes",
    "polls_seconds",
    "start_cpu_seconds",
    "download_seconds",
)


def write_page() -> None:
    """Write the tables between their marks in docs/scale.md, and the figures beside the costs."""
    costs = Costs.read()
    by_size = {urls: _by_name(case(urls), costs) for urls in SIZES}
    documented = {urls: _by_name(case(urls), costs) for urls in DOCUMENTED}
    by_rate = {rate: {urls: _by_name(case(urls, rate), costs) for urls in DOCUMENTED} for rate in RATES}
    found = breaks(by_size)
    for name, lines in (
        ("costs", costs_tables(costs)),
        ("plan", plan_tables(documented)),
        ("rates", rates_table(by_rate)),
        ("breaks", breaks_table(found)),
        ("remedies", remedies_table({remedy.label: _together(remedy, costs) for remedy in remedies()})),
    ):
        write_section(name, lines, PAGE)
    write_bytes(FOLDER / "plans.svg", draw_plans(costs))
    write_bytes(FOLDER / "download.svg", draw_download(_both_times(by_rate)))
    write_bytes(FOLDER / "breaks.svg", draw_breaks(found, DOCUMENTED))


def _by_name(one: Case, costs: Costs) -> dict[str, Item]:
    return {item.name: item for item in foresee(one, costs)}


def _together(remedy: Remedy, costs: Costs) -> dict[str, Item]:
    """Figures of collections that are made together: their sum, but of what is made at once that of the largest."""
    each = [_by_name(one, costs) for one in remedy.cases]
    return {
        name: item._replace(value=(max if name in remedy.largest else sum)(by_name[name].value for by_name in each))
        for name, item in each[0].items()
    }


def _both_times(
    by_rate: Mapping[float, Mapping[int, Mapping[str, Item]]],
) -> dict[float, dict[int, tuple[float, float]]]:
    return {
        rate: {
            urls: (items["download_seconds"].value, items["slowest_server_seconds"].value)
            for urls, items in by_urls.items()
        }
        for rate, by_urls in by_rate.items()
    }


def breaks(by_size: Mapping[int, Mapping[str, Item]]) -> list[tuple[Limit, float]]:
    """The limits that are exceeded, each with the number of URLs from which on it is, the smallest first."""
    found = [
        (limit, first_at({urls: items[limit.item].value for urls, items in by_size.items()}, limit.most))
        for limit in LIMITS
    ]
    return sorted(((limit, urls) for limit, urls in found if urls is not None), key=lambda row: row[1])


def costs_tables(costs: Costs) -> Iterator[str]:
    """What was measured, and how: a table a piece."""
    for name, piece in costs.pieces.items():
        names = list(piece["rows"][0])
        yield from (f"**`{name}`**, {piece['date']}: {PIECES[name].how}.", "")
        yield f"| {' | '.join(name.replace('_', ' ') for name in names)} |"
        yield f"|{''.join('---|' if isinstance(value, str) else '--:|' for value in piece['rows'][0].values())}"
        for row in piece["rows"]:
            yield f"| {' | '.join(_plain(row[name]) for name in names)} |"
        yield ""


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str) else format(value, ",")


def plan_tables(documented: Mapping[int, Mapping[str, Item]]) -> Iterator[str]:
    """The figures of each documented collection side by side, and where they come from."""
    largest = list(documented[max(documented)].values())[1:]
    yield f"| URLs | {' | '.join(map(in_words, documented))} | |"
    yield f"|---|{'--:|' * len(documented)}---|"
    for item in largest:
        cells = " | ".join(figure(items[item.name].value, item.unit) for items in documented.values())
        yield f"| {item.label} | {cells} | {item.kind} |"
    yield from (
        "",
        f"Where they come from, of {in_words(max(documented))} URLs:",
        "",
        "| figure | formula |",
        "|---|---|",
    )
    yield from (f"| {item.label} | {item.how} |" for item in largest if item.how)


def rates_table(by_rate: Mapping[float, Mapping[int, Mapping[str, Item]]]) -> Iterator[str]:
    """How long a download takes by the rate limit of all servers, and the slowest server alone."""
    yield f"| requests a second of each server | {' | '.join(map(in_words, DOCUMENTED))} |"
    yield f"|---|{'--:|' * len(DOCUMENTED)}"
    for rate, by_urls in by_rate.items():
        for name, label in (("download_seconds", "all"), ("slowest_server_seconds", "the slowest server alone")):
            cells = " | ".join(figure(items[name].value, "s") for items in by_urls.values())
            yield f"| {rate:g}, {label} | {cells} |"


def breaks_table(found: Sequence[tuple[Limit, float]]) -> Iterator[str]:
    """What breaks from how many URLs on, and what to do then."""
    yield from ("| from about | what | what to do then |", "|--:|---|---|")
    for limit, urls in found:
        remedy = f"[{limit.remedy}](#{limit.remedy.lower().replace(' ', '-')})"
        yield f"| {in_words(_rounded(urls))} URLs | {limit.label} | {remedy} |"


def _rounded(number: float) -> float:
    """A number to one digit: the limits are no more exact than that."""
    return float(f"{number:.1g}")


def remedies_table(items: Mapping[str, Mapping[str, Item]]) -> Iterator[str]:
    """What each remedy does to a billion URLs."""
    labels = next(iter(items.values()))
    yield f"| |{'|'.join(f' {labels[name].label} ' for name in REMEDIED)}|"
    yield f"|---|{'--:|' * len(REMEDIED)}"
    for remedy, by_name in items.items():
        yield f"| {remedy} | {' | '.join(figure(by_name[name].value, by_name[name].unit) for name in REMEDIED)} |"


if __name__ == "__main__":
    write_page()
