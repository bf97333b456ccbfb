"""A collection at one moment, for Prometheus: a file for the textfile collector of its node_exporter.

    treeline_download_rows_per_second{collection="/data/results",server="example.org"} 4.0

The collector reads each `.prom` file of a folder at each scrape. `collection` keeps several of them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from treeline.errors import NO_ROOM, InputError
from treeline.io.atomic import write_text
from treeline.snapshot import Snapshot

SUFFIX = ".prom"

Values = Iterable[tuple[tuple[str, ...], float | None]]
"""Values of labels, and of the metric with them; None is left out."""


def write_metrics(snapshot: Snapshot, collection: str, file: Path) -> None:
    """Write a file that the collector never sees half of.

    Args:
        snapshot: What was seen.
        collection: The label of all of it.
        file: Its name ends in `.prom`, as the collector reads no other.

    Raises:
        InputError: The name is another, or the file cannot be written.
    """
    if file.suffix != SUFFIX:
        raise InputError(file, f"node_exporter reads files whose names end in {SUFFIX} alone.")
    try:
        write_text(file, metrics_text(snapshot, collection))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise InputError(file, f"cannot be written ({error.strerror}).") from error


def metrics_text(snapshot: Snapshot, collection: str) -> str:
    """Put a snapshot into Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Metrics(snapshot, collection))
    return generate_latest(registry).decode()


class _Metrics:
    """The metrics of a snapshot, as the registry asks for them."""

    def __init__(self, snapshot: Snapshot, collection: str) -> None:
        self._snapshot, self._collection = snapshot, collection

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give each metric with all its values."""
        yield from self._of_stages()
        yield from self._of_downloads()
        yield from self._of_servers()
        if self._snapshot.jobs is not None:
            states = Counter(job.state.lower() for job in self._snapshot.jobs.present)
            yield self._gauge("cluster_jobs", "Jobs that wait or run", ["state"], _one_label(states))
        yield self._gauge("done", "1 once nothing is left, else 0", [], [((), self._snapshot.is_done)])
        yield self._gauge("look_timestamp_seconds", "When this was seen", [], [((), self._snapshot.time)])

    def _of_stages(self) -> Iterator[GaugeMetricFamily]:
        stages = self._snapshot.stages
        pieces = [((stage.stage, "done"), stage.done) for stage in stages]
        pieces += [((stage.stage, "left"), stage.left) for stage in stages if stage.known]
        yield self._gauge("pieces", "Pieces of a stage's work, such as shards", ["stage", "state"], pieces)
        failed: dict[str, int] = {stage.stage: len(stage.failed) for stage in stages}
        yield self._gauge("failed_pieces", "Pieces whose last job failed", ["stage"], _one_label(failed))

    def _of_downloads(self) -> Iterator[GaugeMetricFamily]:
        all_of_them = self._snapshot.downloads
        if all_of_them is not None:
            done = all_of_them.rows - all_of_them.rows_left
            rows = {"done": done, "left": all_of_them.rows_left}
            yield self._gauge("download_rows", "Rows of the table of URLs", ["state"], _one_label(rows))
            seconds = all_of_them.seconds_left
            yield self._gauge("download_seconds_left", "Until all downloads are done", [], [((), seconds)])
        errors: Counter[tuple[str, str]] = Counter()
        for (server, code, _), images in self._snapshot.errors.items():
            errors[server, str(code)] += images
        for one in self._snapshot.underway:
            errors.update({(one.server_name, code): images for code, images in one.errors.items()})
        yield self._gauge("errors", "Images that could not be had", ["server", "code"], errors.items())

    def _of_servers(self) -> Iterator[GaugeMetricFamily]:
        for name, meaning, field in (
            ("download_running_shards", "Shards under way", "running"),
            ("download_server_rows_left", "Rows that are not done", "rows_left"),
            ("download_rows_per_second", "Rows that are finished, over the last minute", "rows_per_second"),
            ("download_limit_per_second", "Requests that may be sent at most", "rate_limit"),
            ("download_server_seconds_left", "Until the server's downloads are done", "seconds_left"),
        ):
            values = {server.server_name: getattr(server, field) for server in self._snapshot.servers}
            yield self._gauge(name, meaning, ["server"], _one_label(values))

    def _gauge(self, name: str, meaning: str, labels: list[str], values: Values) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(f"treeline_{name}", meaning, labels=["collection", *labels])
        for label_values, value in values:
            if value is not None:
                gauge.add_metric([self._collection, *label_values], value)
        return gauge


def _one_label(values: Mapping[str, float | None]) -> Values:
    return [((label,), value) for label, value in values.items()]
