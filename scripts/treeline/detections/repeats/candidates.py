"""The files between the steps: candidates for removal, and what a person decided about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.parquet import sha256_of_file
from treeline.io.results import AS_WRITTEN

Box = Annotated[list[float], Field(min_length=4, max_length=4)]
Content = TypeVar("Content")


@with_config(AS_WRITTEN)
class Occurrence(TypedDict):
    """One detection of a box that recurs; `file`, `conf` and `bbox` as in the results."""

    file: str
    conf: float
    bbox: Box


@with_config(AS_WRITTEN)
class Candidate(TypedDict):
    """A box that recurs at one location.

    `number` counts from 1, `category` is a name, `bbox` is that of the first occurrence.
    """

    number: int
    location: str
    category: str
    bbox: Box
    occurrences: Annotated[list[Occurrence], Field(min_length=1)]


@with_config(AS_WRITTEN)
class Candidates(TypedDict):
    """A whole file of candidates, by location and then by falling number of occurrences."""

    parameters: dict[str, Any]
    candidates: list[Candidate]


@with_config(AS_WRITTEN)
class Decisions(TypedDict):
    """What a person decided: numbers of candidates to keep and to remove. The others were not looked at."""

    candidates_sha256: str
    keep: list[int]
    remove: list[int]


def write_candidates(target: Path, candidates: Candidates) -> None:
    """Write a file of candidates, with a line for each and for each of its occurrences."""
    parameters = json.dumps(candidates["parameters"], ensure_ascii=False)
    entries = ",\n".join(_lay_out(candidate) for candidate in candidates["candidates"])
    write_text(target, f'{{\n"parameters": {parameters},\n"candidates": [\n{entries}\n]\n}}\n')


def read_candidates(file: Path) -> Candidates:
    """Read a file that `write_candidates` wrote.

    Raises:
        InputError: It is missing or no such file.
    """
    return _read(file, TypeAdapter(Candidates), "Make it with `treeline detections repeats find`.")


def read_decisions(file: Path, candidates_file: Path, candidates: Candidates) -> Decisions:
    """Read a file that the review page saved.

    Raises:
        InputError: It is missing or no such file, is of other candidates, or decides on one twice.
    """
    decisions = _read(file, TypeAdapter(Decisions), "Save it from the review page.")
    if decisions["candidates_sha256"] != sha256_of_file(candidates_file):
        raise InputError(file, f"is not about {candidates_file}.", fix="Give the candidates that were looked at.")
    known = {candidate["number"] for candidate in candidates["candidates"]}
    decided = [*decisions["keep"], *decisions["remove"]]
    for number in decided:
        if number not in known:
            raise InputError(file, f"there is no candidate {number}.")
    if len(set(decided)) < len(decided):
        both = sorted(set(decisions["keep"]) & set(decisions["remove"]))
        raise InputError(file, f"decides twice on a candidate{f', such as {both[0]}' if both else ''}.")
    return decisions


def _lay_out(candidate: Candidate) -> str:
    occurrences = ",\n".join(f"  {json.dumps(found, ensure_ascii=False)}" for found in candidate["occurrences"])
    facts = json.dumps({**candidate, "occurrences": []}, ensure_ascii=False)
    return f"{facts.removesuffix(']}')}\n{occurrences}\n]}}"


def _read(file: Path, adapter: TypeAdapter[Content], fix: str) -> Content:
    try:
        return adapter.validate_json(file.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(file, "no such file.", fix=fix) from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the whole file"
        raise InputError(file, f"{problem['msg']}.", field=place, fix=fix) from None
