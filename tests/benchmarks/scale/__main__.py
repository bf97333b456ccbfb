"""Measure unit costs, or plan a collection from them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.scale.case import DEFAULTS, PROFILE, RULES, Case
from tests.benchmarks.scale.costs import Costs
from tests.benchmarks.scale.measure import PIECES, measure
from tests.benchmarks.scale.plan import foresee
from tests.benchmarks.scale.servers import SKEW, TREE_OF_LIFE, read_servers, servers_by_zipf
from tests.benchmarks.scale.show import as_json, as_table
from treeline.errors import TreelineError


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line says; gives the exit code."""
    arguments = _parser().parse_args(words)
    try:
        if arguments.command == "measure":
            measure(arguments.pieces or list(PIECES), arguments.sizes)
        else:
            items = foresee(case_of(arguments), Costs.read())
            print(as_json(items) if arguments.json else as_table(items))
    except TreelineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def case_of(arguments: argparse.Namespace) -> Case:
    """The collection that the command line describes.

    Raises:
        InputError: The table of servers cannot be read.
        TreelineError: There are fewer URLs than servers.
    """
    if arguments.table:
        servers = read_servers(arguments.table, arguments.rate_limit)
    elif arguments.urls < arguments.servers:
        raise TreelineError(f"{arguments.urls:,} URLs are too few for {arguments.servers:,} servers.")
    else:
        servers = servers_by_zipf(arguments.urls, arguments.servers, arguments.rate_limit, arguments.skew)
    return Case(
        servers,
        batch_size=arguments.batch_size,
        schedule_rules=arguments.schedule_rules,
        max_lanes=arguments.max_lanes,
        max_concurrency=arguments.max_concurrency,
        answer_seconds=arguments.answer_seconds,
        shards_per_job=arguments.shards_per_job,
        jobs=arguments.jobs,
        image_bytes=arguments.image_kb * 1000 if arguments.image_kb else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.scale")
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="measure unit costs, into docs/scale/costs.json")
    measuring.add_argument("pieces", nargs="*", metavar="PIECE", choices=[*PIECES, []], help=", ".join(PIECES))
    measuring.add_argument("--sizes", nargs="+", type=_whole, default=(), help="in place of each piece's own")
    _add_case(commands.add_parser("plan", help="print what a collection takes"))
    return parser


def _add_case(parser: argparse.ArgumentParser) -> None:
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--urls", type=_whole, help="URLs of all servers, dealt by Zipf's law")
    given.add_argument("--table", type=Path, help="CSV of your servers: server_name, urls, and perhaps rate_limit")
    for name, kind, default, text in (
        ("servers", _whole, TREE_OF_LIFE, "servers, with --urls"),
        ("skew", _at_least_0, SKEW, "exponent of Zipf's law, with --urls"),
        ("rate-limit", _above_0, DEFAULTS.default_rate_limit, "requests a second that a server is asked at most"),
        ("batch-size", _whole, DEFAULTS.batch_size, "most URLs in a batch"),
        ("max-lanes", _whole, DEFAULTS.max_lanes, "most lanes over all servers"),
        ("max-concurrency", _whole, DEFAULTS.max_concurrency, "requests open at once to one server"),
        ("answer-seconds", _above_0, Case.answer_seconds, "from a request to the last byte of its answer"),
        ("shards-per-job", _whole, Case.shards_per_job, "shards that one download job fetches"),
        ("jobs", _whole, PROFILE["jobs"], "cluster jobs at once"),
    ):
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text}; default: %(default)s")
    parser.add_argument("--image-kb", type=_above_0, help="of a stored image; default: as measured at 720 pixels")
    parser.add_argument(
        "--schedule-rules",
        type=_rules,
        default=RULES,
        metavar="JSON",
        help="at least so many batches: so many lanes; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print it for programs")


def _whole(text: str) -> int:
    number = int(float(text))
    if number != float(text) or number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return number


def _above_0(text: str) -> float:
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return number


def _at_least_0(text: str) -> float:
    if (number := float(text)) < 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, found {text!r}")
    return number


def _rules(text: str) -> dict[int, int]:
    """Read `{"1": 1, "50": 2}` as the configuration does."""

    try:
        rules = {int(batches): int(lanes) for batches, lanes in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f'expected JSON such as {{"1": 1, "50": 2}}: {error}') from None
    if 1 not in rules or min(rules) < 1 or min(rules.values()) < 1:
        raise argparse.ArgumentTypeError("expected a rule for 1 batch, and numbers of at least 1")
    return rules


if __name__ == "__main__":
    sys.exit(main())
