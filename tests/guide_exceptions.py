"""The commands of README and guides that no test runs as they are printed, and why.

Their names, options, links and keys are checked all the same (`test_docs_commands.py`). All other commands are run
(`test_guides_run.py`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.guides import Printed


class Exempt(NamedTuple):
    """Commands that are not run.

    Args:
        calls: Pattern that finds them, from the program's name on.
        reason: Why not, or which test runs them elsewhere.
        pages: Pattern of the pages that print them; all by default.
    """

    calls: str
    reason: str
    pages: str = r".*"


SYNOPSIS = re.compile(r"[\[\]<>|]|\.\.\.|(?<![\w*$-])[A-Z][A-Z_]{3,}(?:\.\w+)?(?![\w=])")
"""What stands for something that the reader puts in: such a line says how a command is called, and calls nothing."""

QUOTED = re.compile(r""""[^"]*"|'[^']*'|\s#.*""")

EXEMPT = (
    # Not of this machine
    Exempt(r"make (?:setup|lock)\b", "makes an environment out of a package registry"),
    Exempt(r"make audit", "asks a database on the network: tests/unit/test_environments.py"),
    Exempt(r".*--model MDV5A$", "fetches a detector of 280 MB"),
    Exempt(r"snakemake .*--profile slurm", "needs a Slurm cluster: tests/slurm runs it"),
    Exempt(r"make slurm-test", "needs root, and is a quarter of an hour"),
    Exempt(r"treeline download fleet", "needs mpiexec or srun: tests/integration/test_download_fleet.py"),
    Exempt(r"snakemake .*", "asks the servers of a source", r"docs/recipes.md"),
    Exempt(r"treeline status --config gbif.yaml", "is about that download", r"docs/recipes.md"),
    Exempt(r"snakemake .*|treeline .*", "is in a project: tests/integration/test_module.py", r"docs/module.md"),
    Exempt(r"snakemake .*", "is of many servers: tests/integration/test_scale_recipes.py", r"docs/scale.md"),
    # Does not end
    Exempt(r"python -m resources.example.servers", "runs until Ctrl-C; the tests have these servers running"),
    Exempt(r"treeline catalog browse", "runs until Ctrl-C: tests/integration/test_catalog_browse_serve.py"),
    Exempt(r"treeline watch .*--prometheus", "runs until all is done: tests/unit/test_status.py"),
    # Of files that these pages do not make
    Exempt(r".*decisions\.json", "asks for a person's decisions: tests/unit/test_detections_repeats_cli.py"),
    Exempt(r"treeline detections sort .* --by symlink", "is the same folder as in the call before it"),
    Exempt(r"treeline catalog ingest .*(?:beavers|lila_image)", "of packages: tests/unit/test_catalog_camtrap_read.py"),
    Exempt(r"treeline catalog export camtrap-dp .*caltech", "docs/camera-traps.md runs it", r"docs/catalog-camtrap.md"),
    Exempt(r"treeline catalog ingest .*sequences\.json", "is of MegaDB's files: tests/unit/test_catalog_ingest.py"),
    Exempt(r"treeline catalog leakage .*findings", "needs a tool's findings: tests/unit/test_catalog_leakage.py"),
    Exempt(r".*results/datasets/|treeline datasets .*", "needs a dataset, minutes: tests/unit/test_datasets_*.py"),
    Exempt(
        r"treeline models .*(?:shapes|colours)\b.*",
        "needs a trained model: tests/unit/test_models_*.py",
        r"docs/models-(?!predict).*",
    ),
    # Takes minutes
    Exempt(r"make (?:demo|test|torture|benchmark|lint|docs)\b", "is minutes, and .ci/run or its tests run it"),
    Exempt(r"python -m tests\.benchmarks\.", "is a benchmark, minutes to hours"),
    Exempt(r"python -m resources\.", "draws a picture: docs/figures.md, test_figures.py"),
    Exempt(r"snakemake .*\b(?:datasets|analyze)\b", "is two minutes: tests/integration/test_datasets_rules.py"),
    Exempt(r"snakemake .*\b(?:models|embeddings)\b", "is minutes: tests/integration/test_models_rules.py"),
    Exempt(r"snakemake report", "is half a minute: tests/integration/test_pipeline.py makes it"),
    Exempt(r"snakemake analyze", "is a minute: tests/integration/test_analyze_rules.py"),
    Exempt(r"snakemake .*classify-boxes\.yaml", "is a minute: tests/unit/test_models_classify.py"),
    Exempt(r"treeline models (?:train|learning-rate|optimise)\b", "trains: tests/unit/test_models_training.py"),
)


def reason_against(call: Printed, is_literal: bool) -> str | None:
    """Why a command is not run; None if it is.

    Args:
        call: The command, and where it is printed.
        is_literal: Whether nothing in it stands for something that the reader puts in.
    """
    if not is_literal and SYNOPSIS.search(QUOTED.sub("", call.text)):
        return "says how a command is called"
    page = call.place.partition(":")[0]
    found = (exempt for exempt in EXEMPT if re.match(exempt.calls, call.text) and re.fullmatch(exempt.pages, page))
    return next((exempt.reason for exempt in found), None)
