"""Make the report's tables of what there is in the output folder, however far it is."""

from __future__ import annotations

from pathlib import Path

from treeline.config import Settings
from treeline.report.facts.collection import Collection, Rows, open_collection
from treeline.report.facts.detected import read_seen
from treeline.report.facts.flow_groups import extracted, looked_up
from treeline.report.facts.flow_images import decoded, downloads
from treeline.report.facts.gallery import measure_gallery
from treeline.report.facts.holdings import measure_catalog, measure_disk
from treeline.report.facts.images import measure_images
from treeline.report.facts.learning import (
    analysed,
    evaluated,
    read_datasets,
    read_evaluations,
    rows_of_datasets,
    rows_of_models,
    samples_and_splits,
)
from treeline.report.facts.problems import measure_errors
from treeline.report.facts.provenance import measure_provenance
from treeline.report.facts.requests import measure_requests
from treeline.report.facts.rules import measure_rules
from treeline.report.facts.summary import measure_summary
from treeline.report.tables import make_table, write_tables
from treeline.status import open_output


def measure(settings: Settings, config: Path, *, memory_mb: int, threads: int) -> Path:
    """Make the tables of a collection; the same bytes for the same files.

    Args:
        settings: The configuration.
        config: Its file.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Returns:
        The folder of the tables.

    Raises:
        InputError: Nothing has been made yet, or a table cannot be read.
    """
    output = open_output(settings)
    with open_collection(output, config, memory_mb=memory_mb, threads=threads) as collection:
        made = {name: make_table(name, rows) for name, rows in _measure(collection).items()}
        made["summary"] = make_table("summary", measure_summary(collection, made))
    write_tables(made, output.paths.report_tables)
    return output.paths.report_tables


def _measure(collection: Collection) -> dict[str, Rows]:
    """Rows of every table but the summary."""
    seen = read_seen(collection)
    datasets, evaluations = read_datasets(collection), read_evaluations(collection)
    flow = [
        *downloads(collection),
        *decoded(collection, seen),
        *looked_up(collection),
        *extracted(collection),
        *samples_and_splits(datasets),
        *analysed(collection, datasets),
        *evaluated(datasets, evaluations),
    ]
    return {
        "flow": [arrow._asdict() for arrow in flow],
        **measure_requests(collection),
        "errors": measure_errors(collection),
        **measure_images(collection),
        "detections": seen.rows(),
        "gallery": measure_gallery(collection),
        "catalog": measure_catalog(collection),
        "datasets": rows_of_datasets(datasets),
        "models": rows_of_models(evaluations),
        "rules": measure_rules(collection),
        "disk": measure_disk(collection),
        "provenance": measure_provenance(collection),
    }
