"""How far each stage is, by its targets and tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from treeline.config_tools import Selection, gives_verdicts
from treeline.datasets.description import read_description
from treeline.io.csv_tables import read_csv_rows
from treeline.io.datasets.encodings import TARGETS
from treeline.io.manifest import Shard, read_manifest
from treeline.io.verdicts import DROP, KEEP, only_kept
from treeline.models.runs import read_runs
from treeline.models.targets import model_targets
from treeline.paths import Paths, shard_folder
from treeline.settings import catalog_targets, group_names
from treeline.status import Output, StageStatus, query_tables


def collect_status(output: Output) -> list[StageStatus]:
    """Find out how far each configured stage is.

    Returns:
        One entry a stage of `settings.stages`, in the order of the flow.

    Raises:
        InputError: A table cannot be read.
    """
    collectors = {
        "urls": _urls,
        "download": _download,
        "tools": _tools,
        "decode": _decode,
        "detect": _detect,
        "lookup": _lookup,
        "extract": _extract,
        "catalog": _catalog,
        "datasets": _datasets,
        "analyze": _analyze,
        "models": _models,
        "report": _report,
    }
    settings = output.settings
    names = bool(settings.datasets.names)
    has_work = {
        "tools": any(settings.tools_parameters.items()),
        "datasets": names,
        "analyze": names,
        "models": bool(settings.models.names or settings.models.classify),
    }
    stages = [stage for stage in settings.stages if has_work.get(stage, True)]
    return [collect(output) for stage, collect in collectors.items() if stage in stages]


def _urls(output: Output) -> StageStatus:
    paths = output.paths
    status = StageStatus("urls", "manifest", output.folders)
    if status.count(paths.manifest, log=paths.logs / "initialization.log"):
        status.rows_out["batched"] = sum(shard.rows for shard in read_manifest(paths.manifest))
        status.rows_out.update(
            dict(query_tables("SELECT reason, count(*) FROM read_parquet(?) GROUP BY 1", [paths.rejected]))
        )
        status.rows_in = status.rows_out.total()
    return status


def _download(output: Output) -> StageStatus:
    status = output.new_status("download", "shards, verification")
    done = [
        shard
        for shard in output.shards or ()
        if status.count(*output.shard_targets(shard), log=output.shard_log("current", shard))
    ]
    status.count(output.paths.schedule / "_verification.csv", log=output.paths.logs / "current" / "verifier.log")
    status.rows_in = sum(shard.rows for shard in done)
    if not output.counts_rows:
        return status
    for name in ("successes", "errors"):
        status.rows_out[name] = _rows(output.shard_file(shard, f"{name}.parquet") for shard in done)
    return status


def _tools(output: Output) -> StageStatus:
    """Tools that judge count by their reports, those that make images by their shards, whose rows are not counted."""
    paths = output.paths
    status = output.new_status("tools", "reports, shards")
    for tool, block in output.settings.tools_parameters.items():
        folder, logs = paths.tool(tool), paths.logs / "tools" / tool
        if gives_verdicts(tool, block):
            if status.count(folder / "report.csv", log=logs / "report.log"):
                for row in read_csv_rows(folder / "report.csv"):
                    status.rows_in += int(row["images"])
                    status.rows_out.update({verdict: int(row[verdict]) for verdict in (KEEP, DROP)})
        elif tool == "exif":
            status.count(folder / "exif.parquet", log=logs / "merge.log")
        else:
            for shard in output.shards or ():
                log = logs / f"{shard_folder(*shard.id)}.log"
                status.count(folder / "images" / shard_folder(*shard.id) / "successes.parquet", log=log)
    return status


def _decode(output: Output) -> StageStatus:
    paths, archive = output.paths, output.settings.decode.archive
    status = output.new_status("decode", "archives")
    done = [
        shard
        for shard in output.shards or ()
        if status.count(
            paths.decoded_shard(shard.server, shard.partition, archive), log=output.shard_log("decode", shard)
        )
    ]
    if not output.counts_rows:
        return status
    undecodable = sum(1 for shard in done for _ in read_csv_rows(paths.undecodable(shard.server, shard.partition)))
    selection = output.settings.decode
    status.rows_in = _rows(paths.shard_images(selection.images_from, *shard.id) for shard in done)
    left_out = status.rows_in - _kept_rows(paths, selection, done) if selection.keep else 0
    status.rows_out.update(images=status.rows_in - undecodable - left_out, undecodable=undecodable)
    if selection.keep:
        status.rows_out["left out"] = left_out
    return status


def _detect(output: Output) -> StageStatus:
    paths = output.paths
    status = output.new_status("detect", "shards, table")
    for shard in output.shards or ():
        status.count(paths.detections_shard(shard.server, shard.partition), log=output.shard_log("detect", shard))
    if status.count(paths.detections_table, log=paths.logs / "detect" / "merge.log") and output.counts_rows:
        # An image's rows stand together: counting where the file changes needs no memory.
        ((images, failures),) = query_tables(
            """
            SELECT count(*) FILTER (failure IS NULL AND file IS DISTINCT FROM previous), count(failure)
            FROM (SELECT failure, file, lag(file) OVER () AS previous FROM read_parquet(?))
            """,
            [paths.detections_table],
        )
        status.rows_in = images + failures
        status.rows_out.update(images=images, failures=failures)
    return status


def _lookup(output: Output) -> StageStatus:
    paths = output.paths
    status = StageStatus("lookup", "groups", output.folders)
    for group in group_names(output.settings.lookup):
        if status.count(paths.lookup_manifest(group), log=paths.logs / "lookup" / "groups.log"):
            status.rows_out[group] = sum(int(row["rows"]) for row in read_csv_rows(paths.lookup_manifest(group)))
    status.rows_in = _rows([paths.lookup_images])
    return status


def _extract(output: Output) -> StageStatus:
    paths, groups = output.paths, group_names(output.settings.lookup)
    status = StageStatus("extract", "groups, categories", output.folders)
    for group in groups:
        report = paths.extracted(group) / "report.csv"
        if status.count(report, log=paths.logs / "extract" / group / "report.log"):
            for row in read_csv_rows(report):
                status.rows_in += int(row["asked"])
                status.rows_out.update({name: int(row[name]) for name in ("found", "missing", "duplicates")})
    for group in output.settings.extract.categories:
        if group in groups:
            log = paths.logs / "extract" / group / "categories.log"
            status.count(paths.extracted(group) / "categories.csv", log=log)
    return status


def _kept_rows(paths: Paths, selection: Selection, shards: Iterable[Shard]) -> int:
    """Rows that every tool keeps of which verdicts count."""
    first, *others = ([paths.verdicts(tool, *shard.id) for shard in shards] for tool in selection.keep)
    kept_by_first = f"FROM read_parquet(?, hive_partitioning = false) WHERE verdict = '{KEEP}'"
    kept = query_tables(f"SELECT count(*) FROM ({kept_by_first}){only_kept(others)}", first)
    return int(kept[0][0]) if kept else 0


def _rows(tables: Iterable[Path]) -> int:
    """Rows of all tables together, from their footers."""
    return int(sum(rows for (rows,) in query_tables("SELECT num_rows FROM parquet_file_metadata(?)", tables)))


def _catalog(output: Output) -> StageStatus:
    logs, made = output.paths.logs / "catalog", catalog_targets(output.settings)
    status = StageStatus("catalog", ", ".join(["database", "tables", *made]), output.folders)
    status.count(output.paths.catalog, log=logs / "build.log")
    for name, target in made.items():
        status.count(target, log=logs / f"{name}.log")
    if status.count(output.paths.catalog_tables, log=logs / "tables.log"):
        ingests = output.paths.catalog_tables / "ingests.parquet"
        status.rows_out.update(dict(query_tables("SELECT name, images FROM read_parquet(?)", [ingests])))
        status.rows_in = status.rows_out.total()
    return status


def _datasets(output: Output) -> StageStatus:
    status = StageStatus("datasets", "datasets, encodings", output.folders)
    for name in output.settings.datasets.names:
        folder, logs = output.paths.dataset(name), output.paths.logs / "datasets" / name
        if status.count(folder / "metadata.h5", log=logs / "finish.log"):
            count = "SELECT split, count(*) FROM read_parquet(?) GROUP BY split ORDER BY split"
            rows = query_tables(count, [folder / "splits.parquet"])
            status.rows_out.update({f"{name} {split}": number for split, number in rows})
        for encoding in read_description(Path(output.settings.datasets.folder) / f"{name}.yaml").encodings:
            target = TARGETS[encoding.kind]
            status.count(folder / target, log=logs / f"{target}.log")
    status.rows_in = status.rows_out.total()
    return status


def _analyze(output: Output) -> StageStatus:
    status = StageStatus("analyze", "reports", output.folders)
    for name in output.settings.datasets.names:
        report = output.paths.dataset_analysis(name) / "report.html"
        status.count(report, log=output.paths.logs / "datasets" / name / "report.log")
    return status


def _models(output: Output) -> StageStatus:
    logs = output.paths.logs / "models"
    status = StageStatus("models", "trainings, evaluations, what is made of them", output.folders)
    for name, targets in model_targets(output.settings, read_runs(output.settings.models)).items():
        status.count(*targets, log=logs / f"{name}.log")
    return status


def _report(output: Output) -> StageStatus:
    status = StageStatus("report", "page", output.folders)
    status.count(output.paths.report_page, log=output.paths.logs / "report" / "page.log")
    return status
