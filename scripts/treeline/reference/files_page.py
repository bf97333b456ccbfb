"""The page of every file and column, `docs/files.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from treeline.reference.collection_files import DECODE, DETECT, EXTRACT, LOOKUP, TOOLS
from treeline.reference.download_files import DOWNLOAD, URLS
from treeline.reference.made_files import ANALYSIS, CATALOGUE, DATASETS, MODELS, REPORT
from treeline.reference.table import FileTable

FILES_FILE = Path("docs/files.md")

HEAD = """# Every file and column

What lies under `path_to_output`, stage by stage. `S` stands for a server's name with `:` as `%3A`, `N` for a number,
`<name>` for a name of yours; folders may be called otherwise (`output_structure`). Names and types are those that the
code writes with. A file is whole or absent; the same input gives the same bytes.

This page is made from the schemas: run `treeline config write-reference` after a change there.
"""

STAGES: Mapping[str, Sequence[FileTable]] = {
    "URLs": URLS,
    "Download": DOWNLOAD,
    "Tools": TOOLS,
    "Decode": DECODE,
    "Detect": DETECT,
    "Lookup": LOOKUP,
    "Extract": EXTRACT,
    "Catalogue": CATALOGUE,
    "Datasets": DATASETS,
    "Analysis": ANALYSIS,
    "Models": MODELS,
    "Report": REPORT,
}
"""Every file, by stage."""


def files_text() -> str:
    """The page.

    Raises:
        KeyError: A column has no meaning, or a meaning no column.
    """
    return "\n".join([HEAD, *(line for stage, tables in STAGES.items() for line in _stage_lines(stage, tables))])


def _stage_lines(stage: str, tables: Sequence[FileTable]) -> Iterator[str]:
    yield f"## {stage}\n"
    for table in tables:
        yield f"### `{table.path}`\n"
        yield f"{table.what}\n"
        if table.columns is not None:
            yield from (_column_lines(table) if table.is_explained else _brief_lines(table.columns))
            yield ""


def _column_lines(table: FileTable) -> Iterator[str]:
    rows = list(table.rows())
    has_types = any(kind for _, kind, _ in rows)
    yield "| column | type | meaning |" if has_types else "| column | meaning |"
    yield "|---|---|---|" if has_types else "|---|---|"
    for name, kind, meaning in rows:
        yield f"| `{name}` | {f'{kind} | ' if has_types else ''}{meaning} |"
    if table.has_more:
        yield f"| ... | {'| ' if has_types else ''}see above |"


def _brief_lines(columns: Mapping[str, str]) -> Iterator[str]:
    yield "Columns: " + ", ".join(f"`{name}` {kind}" for name, kind in columns.items()) + "."
