"""Where everything lies under `path_to_output`.

The rules and the commands take their paths from here and from nowhere else. Each method takes a value or a Snakemake
wildcard such as `"{partition_id}"`. `server` is a percent-encoded server name (`treeline.io.names.encode_server_name`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from treeline.choices import Archive

if TYPE_CHECKING:
    from treeline.config import OutputStructure
    from treeline.config_tools import ImageSource


@dataclass(frozen=True)
class Paths:
    """The paths of one output folder.

    Args:
        root: `path_to_output`.
        structure: The configured names under it.
    """

    root: Path
    structure: OutputStructure

    @property
    def urls(self) -> Path:
        """Folder of the URL batches."""
        return self.root / self.structure.urls_folder

    @property
    def manifest(self) -> Path:
        """The list of URL batches."""
        return self.urls / "manifest.parquet"

    @property
    def rejected(self) -> Path:
        """Input rows that are in no batch, with the reason."""
        return self.urls / "rejected.parquet"

    @property
    def removed(self) -> Path:
        """Rows of batches that the input no longer has."""
        return self.urls / "removed.parquet"

    def batch(self, server: str, partition: int | str) -> Path:
        """One batch of URLs."""
        return self.urls / shard_folder(server, partition) / "urls.parquet"

    @property
    def profiles(self) -> Path:
        """Batches, results and rate of each server."""
        return self.root / self.structure.profiles_table

    @property
    def ignored(self) -> Path:
        """Servers that are not to be asked; written by the user, optional."""
        return self.root / self.structure.ignored_table

    @property
    def checkpoint(self) -> Path:
        """What the downloader has done so far, as four booleans."""
        return self.root / self.structure.inner_checkpoint_file

    @property
    def schedules(self) -> Path:
        """Folder of the schedules, the current and older ones."""
        return self.root / self.structure.schedules_folder

    @property
    def schedule(self) -> Path:
        """Folder of the current schedule."""
        return self.schedules / "current" / "0000"

    @property
    def logs(self) -> Path:
        """Folder of all log files."""
        return self.root / self.structure.logs_folder

    @property
    def images(self) -> Path:
        """Folder of the downloaded shards."""
        return self.root / self.structure.images_folder

    def shard(self, server: str, partition: int | str) -> Path:
        """Folder of one downloaded shard: `successes.parquet`, `errors.parquet`, `completed`."""
        return self.images / shard_folder(server, partition)

    def spool(self, server: str, partition: int | str) -> Path:
        """Folder of what is fetched of a shard so far, and of links to its finished files."""
        return self.images / ".spool" / shard_folder(server, partition)

    def requests(self, server: str, partition: int | str) -> Path:
        """Every request that was made for a shard."""
        return self.logs / "requests" / f"{shard_folder(server, partition)}.parquet"

    def tool(self, tool: str) -> Path:
        """Folder of what a tool finds and makes."""
        return self.root / self.structure.tools_folder / tool

    def verdicts(self, tool: str, server: str, partition: int | str) -> Path:
        """A tool's verdicts on the images of one shard."""
        return self.tool(tool) / "verdicts" / f"{shard_folder(server, partition)}.parquet"

    def findings(self, tool: str, server: str, partition: int | str) -> Path:
        """What a tool has found in the images of one shard."""
        return self.tool(tool) / "findings" / f"{shard_folder(server, partition)}.parquet"

    def shard_images(self, source: ImageSource, server: str, partition: int | str) -> Path:
        """The table of one shard's images: of those that were downloaded, or of a tool's new ones."""
        folder = self.images if source == "images" else self.tool(source) / "images"
        return folder / shard_folder(server, partition) / "successes.parquet"

    @property
    def decoded(self) -> Path:
        """Folder of the decoded shards."""
        return self.root / self.structure.decoded_folder

    def decoded_shard(self, server: str, partition: int | str, archive: Archive) -> Path:
        """One decoded shard: an archive, or a folder of the same name without suffix."""
        suffix = "" if archive == "folder" else f".{archive}"
        return self.decoded / f"{shard_folder(server, partition)}{suffix}"

    def undecodable(self, server: str, partition: int | str) -> Path:
        """Rows of a shard that hold no readable image."""
        return self.decoded / f"{shard_folder(server, partition)}.undecodable.csv"

    @property
    def detections(self) -> Path:
        """Folder of the detector's results."""
        return self.root / self.structure.detections_folder

    def detections_shard(self, server: str, partition: int | str) -> Path:
        """Detector results of one shard, MegaDetector format."""
        return self.detections / f"{shard_folder(server, partition)}.json"

    @property
    def detections_table(self) -> Path:
        """Detections of all shards as one table."""
        return self.detections / "detections.parquet"

    @property
    def lookup(self) -> Path:
        """Folder of the lookup tables."""
        return self.root / self.structure.lookup_folder

    def lookup_manifest(self, group: str) -> Path:
        """The list of a group's lookup batches."""
        return self.lookup / group / "manifest.csv"

    def lookup_batch(self, group: str, group_id: int | str) -> Path:
        """One lookup batch."""
        return self.lookup / group / f"group_id={group_id}" / "lookup.parquet"

    def lookup_paths(self, group: str, group_id: int | str) -> Path:
        """The shards that one lookup batch reads from: their paths below the root, one a line."""
        return self.lookup / group / f"group_id={group_id}" / "paths.txt"

    @property
    def lookup_images(self) -> Path:
        """Every downloaded image with the shard that holds it."""
        return self.lookup / "images.parquet"

    @property
    def lookup_report(self) -> Path:
        """Images that each group has seen, let pass and kept."""
        return self.lookup / "report.csv"

    def extracted(self, group: str) -> Path:
        """Folder of a group's extracted images."""
        return self.root / self.structure.extracted_folder / group

    def extracted_batch(self, group: str, group_id: int | str) -> Path:
        """Folder of the images of one lookup batch; its reports lie beside it, under its name."""
        return self.extracted(group) / f"group_id={group_id}"

    @property
    def catalog_folder(self) -> Path:
        """Folder of the catalogue, and of what is made of it."""
        return self.root / self.structure.catalog_folder

    @property
    def catalog(self) -> Path:
        """The catalogue, a DuckDB database."""
        return self.catalog_folder / "catalog.duckdb"

    @property
    def catalog_tables(self) -> Path:
        """Folder of the catalogue's tables as Parquet."""
        return self.catalog_folder / "tables"

    @property
    def catalog_leakage(self) -> Path:
        """What images of two splits have in common."""
        return self.catalog_folder / "leakage.json"

    def catalog_query(self, name: str) -> Path:
        """The answer to a configured query."""
        return self.catalog_folder / "queries" / f"{name}.parquet"

    def catalog_export(self, name: str) -> Path:
        """Folder of a configured export."""
        return self.catalog_folder / "exports" / name

    def catalog_training(self, name: str) -> Path:
        """Folder of a configured training set."""
        return self.catalog_folder / "training" / name

    def catalog_asked(self, name: str, digest: str) -> Path:
        """What the configuration asks for under a name such as `queries/bears`; another digest means a change."""
        return self.catalog_folder / "asked" / name / f"{digest}.json"

    def dataset(self, name: str) -> Path:
        """Folder of one dataset: its metadata, splits and encodings."""
        return self.root / self.structure.datasets_folder / name

    def dataset_plan(self, name: str) -> Path:
        """Folder of the parts of a dataset's description."""
        return self.dataset(name) / "plan"

    def dataset_step(self, name: str, number: int | str, step: str) -> Path:
        """Folder of one step of a dataset, counted from 0: the source and the measuring are steps too."""
        return self.dataset(name) / "steps" / f"{number:0>2}-{step}"

    def dataset_analysis(self, name: str) -> Path:
        """Folder of a dataset's analysis and its report."""
        return self.dataset(name) / "analysis"

    def model(self, run: str) -> Path:
        """Folder of one run: the trained model, and what is made of it; of a sweep's name, its comparison."""
        return self.root / self.structure.models_folder / run

    def model_evaluation(self, run: str, dataset: str) -> Path:
        """What a run's model gives for each image of a dataset."""
        return self.model(run) / f"{run}_{dataset}_evaluation.h5"

    def model_options(self, run: str) -> Path:
        """What a run is to be trained with; its time is that of the last change."""
        return self.model(run) / "options.json"

    def model_plan(self, experiment: str) -> Path:
        """The runs of an experiment."""
        return self.model(experiment) / "plan.json"

    @property
    def classified(self) -> Path:
        """The detector's results with what a model says of each box."""
        return self.detections / "classified.json"

    def embeddings_shard(self, server: str, partition: int | str) -> Path:
        """Embeddings of one decoded shard."""
        return self.root / self.structure.embeddings_folder / f"{shard_folder(server, partition)}.parquet"

    @property
    def reports(self) -> Path:
        """Folder of the report."""
        return self.root / self.structure.reports_folder

    @property
    def report_tables(self) -> Path:
        """Folder of the report's tables."""
        return self.reports / "tables"

    @property
    def report_page(self) -> Path:
        """The report."""
        return self.reports / "index.html"


def shard_folder(server: str, partition: int | str) -> str:
    """Relative folder of a shard, the same in every stage."""
    return f"server_name={server}/partition_id={partition}"
