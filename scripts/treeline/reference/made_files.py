"""Files of the stages that make something of a collection: catalogue, datasets, analysis, models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from types import ModuleType

from treeline.analyze import tables as analysis
from treeline.catalog.training.choice import DROPPED_COLUMNS as DROPPED_OF_SET
from treeline.catalog.violations import COLUMNS as VIOLATIONS
from treeline.datasets.build import DROPPED_COLUMNS
from treeline.datasets.splits import SPLITS_TABLE
from treeline.io.datasets import metadata
from treeline.reference.table import SHARD, FileTable, typed, untyped
from treeline.report import tables as report

SQL_TABLE = re.compile(r"CREATE TABLE (\w+) \(\n(.*?)\n\);", re.DOTALL)
SQL_COLUMN = re.compile(r"^    ([a-z_]\w*) ([A-Z]+(?:\[\])?)(?=[ ,\n]|$)[^\n]*?(?:-- (.*))?$", re.MULTILINE)
BULLET = re.compile(r"^- `(\w+)`: (.*?)(?=\n- |\n\n)", re.DOTALL | re.MULTILINE)
TABLE_ROW = re.compile(r"^\| ?`?(\w*)`? ?\| ?([^|]*)\| ([^|]*)\|$", re.MULTILINE)

ROWS_OF_THE_CATALOGUE = {
    "ingests": "A source that was taken in.",
    "datasets": "A data set.",
    "descriptions": "What one source says of a data set.",
    "sequences": "Images that a camera took in one go.",
    "images": "An image.",
    "boxes": "A box in an image, in shares of it from its upper left corner.",
    "videos": "A video.",
    "classes": "A label of a data set.",
    "splits": "A location.",
    "split_entries": "An entry of a table of splits.",
}

IN_THE_CATALOGUE = {
    "ingest": "Number of the ingest that brought it.",
    "format": "As `treeline catalog ingest --format` has it.",
    "sequences": "Sequences that it brought.",
    "images": "Images that it brought.",
    "boxes": "Boxes that it brought.",
    "storage_account": "Of the data set's storage.",
    "container": "Of the data set's storage.",
    "path_prefix": "Before each file's name, in the container.",
    "access": "`public` among others; null where nothing is said.",
    "comment": "What the source says besides.",
    "sequence": "Number of the sequence, in this file only.",
    "image": "Number of the image, in this file only.",
    "video": "Number of the video, in this file only.",
    "seq_id": "The source's name of the sequence.",
    "frame_num": "Place in the sequence.",
    "category": "`animal`, `person`, `vehicle` or `group`.",
    "x_min": "Left side, 0 to 1.",
    "y_min": "Upper side, 0 to 1.",
    "width": "Width, 0 to 1.",
    "height": "Height, 0 to 1.",
    "frame_rate": "Frames a second.",
    "frames": "Number of frames.",
}


def catalogue_tables() -> Iterator[FileTable]:
    """The tables of the catalogue, as the SQL that makes them says."""
    for name, body in SQL_TABLE.findall(files("treeline.catalog").joinpath("tables.sql").read_text(encoding="utf-8")):
        columns = {column: kind for column, kind, _ in SQL_COLUMN.findall(body)}
        said = {column: _sentence(comment) for column, _, comment in SQL_COLUMN.findall(body) if comment}
        meanings = {column: said.get(column) or IN_THE_CATALOGUE.get(column, "") for column in columns}
        path = f"catalog/tables/{name}.parquet"
        yield FileTable(path, f"{ROWS_OF_THE_CATALOGUE[name]} The same is the table `{name}`.", columns, meanings)


def described_tables(module: ModuleType, folder: str, ending: str = "parquet") -> Iterator[FileTable]:
    """Tables whose module has a list of what their rows are, and the type of each column in `COLUMNS`."""
    said = {name: _sentence(text) for name, text in BULLET.findall(module.__doc__ or "")}
    for name, columns in module.COLUMNS.items():
        yield FileTable(f"{folder}/{name}.{ending}", said[name], columns, is_explained=False)


def _notes_of_the_analysis() -> str:
    """What the tables have in common: the paragraphs behind the list of them."""
    *_, last = BULLET.finditer(analysis.__doc__ or "")
    return "The same tables without those that have no rows.\n\n" + (analysis.__doc__ or "")[last.end() :].strip()


def dataset_tables() -> Iterator[FileTable]:
    """The tables of a dataset's HDF5 file, as their module says; a row of its list may be two lines."""
    rows: dict[str, tuple[str, str]] = {}
    for name, what, columns in TABLE_ROW.findall(metadata.__doc__ or ""):
        if name:
            last, rows[name] = name, (what.strip(), columns.strip())
        else:
            rows[last] = (rows[last][0], f"{rows[last][1]} {columns.strip()}")
    for name in metadata.TABLES:
        what, columns = rows[name]
        yield FileTable(f"datasets/<name>/metadata.h5: {name}", f"A row is for {what}: `id`, {columns}.")


def _sentence(text: str) -> str:
    """Text that was written as a note, with a capital and a full stop, on one line."""
    line = " ".join(text.split())
    return f"{line[:1].upper()}{line[1:]}{'' if line.endswith('.') else '.'}"


ANALYSIS_NOTES = _notes_of_the_analysis()

CATALOGUE = (
    FileTable("catalog/catalog.duckdb", "[Everything that is known of the images](catalog.md); any DuckDB opens it."),
    *catalogue_tables(),
    FileTable("catalog/leakage.json", "Pairs that two splits have in common; `[]` if nothing leaks."),
    FileTable(
        "catalog/queries/<name>.parquet", "The answer to [a query](catalog-queries.md), in the columns of the query."
    ),
    FileTable("catalog/exports/<name>/", "An [export](catalog-targets.md#exports), in the format's own files."),
    FileTable("catalog/training/<name>/", "A [training set](catalog-training.md)."),
    FileTable(
        "catalog/training/<name>/dropped.csv", "An image that is not in the training set.", untyped(DROPPED_OF_SET)
    ),
    FileTable(
        "catalog/<ingest>.violations.csv",
        "A value of a source that breaks a rule; the source is refused.",
        untyped(VIOLATIONS),
        {
            "rule": "[Name of the rule](catalog-checks.md).",
            "path": "Where the value is.",
            "value": "What was found, shortened.",
            "fix": "What to do about it.",
            "file": "Of a folder's files, the one.",
            "severity": "`error` or `warning`.",
        },
    ),
)

DATASETS = (
    *dataset_tables(),
    FileTable("datasets/<name>/splits.parquet", "A sample.", typed(SPLITS_TABLE)),
    FileTable("datasets/<name>/leakage.json", "What is in each split, and [what leaks](datasets-splits.md)."),
    FileTable(
        "datasets/<name>/steps/N-<step>/dropped.csv", "A sample that the step dropped.", untyped(DROPPED_COLUMNS)
    ),
    FileTable(
        "datasets/<name>/{imagefolder,dataset.h5,shards,arrays,lmdb,images.zarr}",
        "The same samples in each [encoding](datasets-encodings.md).",
    ),
)

ANALYSIS = (
    FileTable("datasets/<name>/analysis/report.html", "[The report](analyze-report.md); `figures/` beside it."),
    FileTable("datasets/<name>/analysis/recommendations.json", "[What is advised](analyze.md#what-is-advised)."),
    *described_tables(analysis, "datasets/<name>/analysis/tables"),
    FileTable("datasets/<name>/analysis/analysis.h5", ANALYSIS_NOTES),
)

MODELS = (
    FileTable("models/<run>/best.ckpt", "Weights of the best epoch; `last.ckpt`: of the last one."),
    FileTable("models/<run>/config.yaml", "The experiment, with all its values; `env.json`: where it was trained."),
    FileTable(
        "models/<run>/metrics.csv",
        "An epoch and split; a column for each metric of the task.",
        untyped(("epoch", "step", "split", "learning_rate", "loss")),
        {
            "epoch": "From 1.",
            "step": "Steps of the optimiser until then.",
            "learning_rate": "At the epoch's end; of `train` alone.",
            "loss": "Mean over the epoch.",
        },
        has_more=True,
    ),
    FileTable(
        "models/<run>/<run>_<dataset>_evaluation.h5",
        "What the model gives for each image: [its tables](models-evaluation.md#the-table-of-metrics).",
    ),
    FileTable("models/<run>/report.html", "[The report](models-report.md); `understanding/` has its tables."),
    FileTable("models/<run>/optimise.json", "[Smaller forms](models-optimise.md), and what each costs."),
    FileTable("models/<run>/model.onnx", "[The model to ship](models-export.md), with `model.json` and its card."),
    FileTable("models/<experiment>/comparison.csv", "A run: [the columns](models.md#several-runs-a-sweep)."),
    FileTable(
        f"embeddings/{SHARD}.parquet",
        "An image; of a classifier with `label` and `confidence`.",
        {"uuid": "string", "embedding": "float16[]"},
        {"embedding": "What the encoder makes of it."},
        has_more=True,
    ),
)

REPORT = (
    FileTable("reports/index.html", "[The page](report.md) that tells what became of every row; `figures/` beside it."),
    FileTable("reports/configuration.json", "The configuration that it goes by, without the lines of `header`."),
    *described_tables(report, "reports/tables"),
    FileTable("reports/tables/<table>.csv", "The same tables, without columns of bytes."),
)
