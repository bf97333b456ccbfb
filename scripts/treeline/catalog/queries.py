"""The named queries: SQL files whose first comment says what they give, and what they take."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from treeline.errors import TreelineError
from treeline.io.database import quote_literal

KINDS = {"VARCHAR": "text", "BIGINT": "a whole number", "DOUBLE": "a number"}
"""Types of parameters, and what to call them."""

_PARAMETER = re.compile(r"-- \$(?P<name>\w+) (?P<kind>\w+)(?: = (?P<default>\S+))?: (?P<meaning>.+)")
_PLACE = re.compile(r"\$(\w+)")


class QueryError(TreelineError):
    """A query is unknown, is given what it does not take, or cannot be run."""


@dataclass(frozen=True)
class Parameter:
    """What a query takes.

    Args:
        name: As the SQL has it after `$`.
        kind: A key of `KINDS`.
        default: SQL of the value where none is given; None where one has to be.
        meaning: In a few words.
    """

    name: str
    kind: str
    default: str | None
    meaning: str

    @property
    def option(self) -> str:
        """As the command line has it."""
        return "--" + self.name.replace("_", "-")

    def literal(self, value: str) -> str:
        """SQL of a value.

        Raises:
            QueryError: It is not of the parameter's type.
        """
        if self.kind == "VARCHAR":
            return quote_literal(value)
        try:
            number = int(value) if self.kind == "BIGINT" else float(value)
            if not math.isfinite(number):
                raise ValueError
            return str(number)
        except ValueError:
            raise QueryError(f"{self.option}: expected {KINDS[self.kind]}, found {value!r}.") from None


@dataclass(frozen=True)
class Query:
    """A named query.

    Args:
        name: Its file's name without suffix.
        description: What it gives, in a line.
        parameters: What it takes.
        body: Its SQL, with `$name` for each parameter.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    body: str

    def sql(self, values: Mapping[str, str], *, is_ordered: bool = True) -> str:
        """The SQL with values put in, as constants: the database plans with what it knows.

        Args:
            values: Of parameters by name; `-` is as good as `_`.
            is_ordered: Leave the last ORDER BY in.

        Raises:
            QueryError: A parameter is unknown, has a wrong value, or is missing.
        """
        given = {name.replace("-", "_"): value for name, value in values.items()}
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given.keys() - known.keys():
            options = [parameter.option for parameter in self.parameters]
            raise QueryError(f"{self.name} takes no --{name}. {_near('--' + name, options)}")
        literals = {}
        for name, parameter in known.items():
            literal = parameter.literal(given[name]) if name in given else parameter.default
            if literal is None:
                raise QueryError(f"{self.name} needs {parameter.option}: {parameter.meaning}.")
            literals[name] = f"CAST({literal} AS {parameter.kind})" if literal == "NULL" else literal
        body = self.body if is_ordered else self.body.rpartition("\nORDER BY ")[0] or self.body
        return _PLACE.sub(lambda place: literals[place[1]], body)


@cache
def all_queries() -> tuple[Query, ...]:
    """Read the queries, in the order of their names."""
    folder = files(__package__).joinpath("queries")
    sources = {file.name.removesuffix(".sql"): file for file in folder.iterdir() if file.name.endswith(".sql")}
    return tuple(_parse(name, sources[name].read_text(encoding="utf-8")) for name in sorted(sources))


def find_query(name: str) -> Query:
    """Find a query by its name.

    Raises:
        QueryError: There is none; the text has the near ones.
    """
    queries = {query.name: query for query in all_queries()}
    try:
        return queries[name.replace("-", "_")]
    except KeyError:
        raise QueryError(f"there is no query {name}. {_near(name, queries)}") from None


def _parse(name: str, text: str) -> Query:
    header, _, body = text.partition("\n\n")
    description, *rest = header.splitlines()
    parameters = [_PARAMETER.fullmatch(line) for line in rest if line != "--"]
    assert all(parameters), f"{name}: a line of the header is no parameter"
    return Query(
        name,
        description.removeprefix("-- "),
        tuple(Parameter(**match.groupdict()) for match in parameters if match),
        body.strip(),
    )


def _near(name: str, known: Iterable[str]) -> str:
    if near := get_close_matches(name, known, cutoff=0.5):
        return f"Did you mean {' or '.join(near)}?"
    return f"There are: {', '.join(known) or 'none'}."
