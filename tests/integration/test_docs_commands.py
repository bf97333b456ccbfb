"""README and guides print what there is: commands, options, targets, links, settings.

None is run here: `test_pipeline.py` follows the pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from snakemake.cli import get_argument_parser
from typer.core import TyperGroup
from typer.main import get_command

from tests.guide_exceptions import EXEMPT
from tests.guide_runs import Call, steps
from tests.guides import PAGES, ROOT, Listing, Printed, anchors, command_lines, links, listings, spans, words
from treeline.catalog.queries import find_query
from treeline.cli import Stage, app
from treeline.config import STAGES

SCHEMA: dict[str, Any] = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
SETTINGS = jsonschema_rs.validator_for({**SCHEMA, "required": []})
RULES = {
    rule
    for file in (ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk"))
    for rule in re.findall(r"^ *(?:rule|checkpoint) (\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PLACEHOLDER = re.compile(r"[\[\]<>|]|\.\.\.")

APP = get_command(app)
TREELINE = tuple(command_lines("treeline"))
SNAKEMAKE = tuple(command_lines("snakemake"))
MAKE = tuple(command_lines("make"))
PYTHON = tuple(command_lines("python -m"))
SPANS = tuple(span for page in PAGES for span in spans(page))


def named(printed: Sequence[Printed | Listing]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", [pytest.param(one.text, id=f"{one.place} {one.text}") for one in printed])


def spans_like(pattern: str) -> tuple[Printed, ...]:
    return tuple(span for span in SPANS if re.fullmatch(pattern, span.text))


def is_yaml(block: Listing) -> bool:
    return block.language in ("", "yaml") and bool(re.match(r" *[a-z_]+:\s", block.text))


def find_command(arguments: list[str]) -> tuple[Any, list[str]]:
    """Go from `treeline` to the command that is named, which may be a group of commands, and return what is left."""
    command: Any = APP
    while isinstance(command, TyperGroup) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        if isinstance(command, Stage):
            command.load()
        assert name in command.commands, f"there is no {name} in {sorted(command.commands)}"
        command = command.commands[name]
    return command, arguments


def check_options(command: Any, arguments: list[str]) -> None:
    """Check the names of the options in a synopsis or a sentence."""
    known = {"--help"} | {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    named_options = {name for argument in arguments for name in re.findall(r"^\[?(--?[a-z-]+)", argument)}
    assert named_options <= known


def check_call(command: Any, arguments: list[str]) -> None:
    """Check a whole call as typer does before it calls it: names, number and types of values."""
    context = command.context_class(command, **command.context_settings)
    values, rest, _ = command.make_parser(context).parse_args([*arguments])
    if command.name == "query":
        find_and_fill_query(values, rest)
        return
    assert not rest
    for parameter in command.params:
        if parameter.name != "log":  # its callback would change this process's logging
            parameter.process_value(context, values.get(parameter.name, parameter.get_default(context)))


def find_and_fill_query(values: dict[str, Any], parameters: list[str]) -> None:
    """Check the name and the parameters of a query, which are options that only the query knows."""
    if name := values.get("name"):
        names, given = parameters[::2], parameters[1::2]
        assert find_query(name).sql({key.removeprefix("--"): value for key, value in zip(names, given, strict=True)})
    else:
        assert not parameters
        assert values.get("sql") or values.get("list_")


def test_the_guides_are_read() -> None:
    assert min(len(TREELINE) // 50, len(SNAKEMAKE) // 10, len(MAKE) // 8, len(PYTHON) // 5, len(SPANS) // 500) >= 1


@named(TREELINE)
def test_a_command_can_be_called_as_printed(text: str) -> None:
    command, arguments = find_command(words(text)[1:])
    if PLACEHOLDER.search(text) or isinstance(command, TyperGroup):
        check_options(command, arguments)
    else:
        check_call(command, arguments)


@named(spans_like(r"treeline [a-z].*"))
def test_a_command_in_a_sentence_is_there(text: str) -> None:
    command, arguments = find_command([word for word in words(text)[1:] if word != "..."])
    if command.name == "query" and arguments and not PLACEHOLDER.search(text):
        check_call(command, arguments)
    else:
        check_options(command, arguments)


@named(SNAKEMAKE + spans_like(r"snakemake .*"))
def test_snakemake_takes_the_arguments_and_knows_the_targets(text: str) -> None:
    arguments = get_argument_parser().parse_args(words(text.removesuffix('"'))[1:])
    files = [Path(file) for file in arguments.configfile or ()]
    assert {file.suffix for file in files} <= {".yaml"}
    assert all((ROOT / file).is_file() for file in files if file.parts[0] == "config")
    assert set(arguments.targets) <= {*STAGES, *RULES}
    assert {*(arguments.forcerun or ()), *(arguments.set_resources or {})} <= RULES
    # A guide's own project has its clone of this repository in `treeline`.
    assert all((ROOT / profile.removeprefix("treeline/")).is_dir() for profile in arguments.profile or ())


@named(MAKE + spans_like(r"make [a-z][a-z-]*(?: \w+=\S+)?"))
def test_a_target_of_make_is_there(text: str) -> None:
    assert {word for word in words(text)[1:] if "=" not in word} <= TARGETS


def test_every_exemption_from_being_run_is_needed() -> None:
    calls = [call for page in PAGES for step in steps(page) if isinstance(step, Call) for call in step.commands]
    for exempt in EXEMPT:
        found = (call for call in calls if re.fullmatch(exempt.pages, call.place.partition(":")[0]))
        assert any(re.match(exempt.calls, call.text) for call in found), exempt


@named(PYTHON)
def test_a_module_is_there(text: str) -> None:
    assert find_spec(words(text)[2])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        other = page.parent / path if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


@named(spans_like(rf"(?:{'|'.join(SCHEMA['properties'])})(?:\.[a-z_0-9]+)+"))
def test_a_key_is_there(text: str) -> None:
    if not text.endswith((".csv", ".html", ".json", ".md", ".parquet", ".py", ".yaml")):
        *above, key = text.split(".")
        check_settings(nested(above, {key: None}), is_value_known=False)


@named(spans_like(rf"(?:{'|'.join(SCHEMA['properties'])}): .+"))
def test_a_setting_in_a_sentence_is_valid(text: str) -> None:
    check_settings(yaml.safe_load(text))


@named(tuple(block for page in PAGES for block in listings(page) if is_yaml(block)))
def test_settings_in_a_block_are_valid(text: str) -> None:
    settings = yaml.safe_load(text)
    if settings.keys() & SCHEMA["properties"].keys():
        check_settings(settings)


def nested(names: list[str], value: Any) -> Any:
    return nested(names[:-1], {names[-1]: value}) if names else value


def check_settings(settings: dict[str, Any], *, is_value_known: bool = True) -> None:
    """Check settings by the schema that the configuration is checked by; of a key without its value, the key alone."""
    as_json = json.loads(json.dumps(settings))  # whose keys are text, numbers of batches too
    problems = [error for error in SETTINGS.iter_errors(as_json) if is_value_known or "dditional" in str(error.kind)]
    assert not problems
