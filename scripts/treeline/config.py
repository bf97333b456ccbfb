"""The configuration: every key, its unit, default and limits.

These models are the one source: the JSON schema that editors read (`config/schema.json`) and the reference in
`config/README.md` are generated from them (`treeline config write-reference`), and the Snakefile refuses a
configuration that they refuse. Names under `output_structure` and `downloader_parameters` are those of the
downloader that Treeline replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from treeline.choices import Archive, DecodedFormat
from treeline.config_catalog import Catalog
from treeline.config_datasets import Datasets
from treeline.config_detections import Detections
from treeline.config_download import Download, DownloaderParameters
from treeline.config_models import Models
from treeline.config_tools import Selection, ToolsParameters, check_selections
from treeline.config_values import (
    Block,
    Confidence,
    DetectorName,
    GroupNames,
    NotEmpty,
    OutputPath,
    RelativeName,
    check_distinct,
)

Stage = Literal[
    "urls",
    "download",
    "tools",
    "decode",
    "detect",
    "lookup",
    "extract",
    "catalog",
    "datasets",
    "analyze",
    "models",
    "report",
]
STAGES: tuple[Stage, ...] = get_args(Stage)


class OutputStructure(Block):
    """Names of the files and folders under `path_to_output`."""

    urls_folder: RelativeName = "urls"
    """URL batches."""
    logs_folder: RelativeName = "logs"
    """Log files of every job."""
    images_folder: RelativeName = "images"
    """Downloaded shards."""
    schedules_folder: RelativeName = "schedules"
    """Which lane downloads which shards, and what completed."""
    profiles_table: RelativeName = "profiles.csv"
    """Batches, results and rate limit of each server."""
    ignored_table: RelativeName = "ignored.csv"
    """Servers that are not asked: a CSV with a column `server_name`, written by you."""
    inner_checkpoint_file: RelativeName = "checkpoint.yaml"
    """How far the downloader has come."""
    tools_folder: RelativeName = "tools"
    """What tools over shards find and make, a folder a tool."""
    decoded_folder: RelativeName = "decoded"
    """Decoded images, an archive a shard."""
    detections_folder: RelativeName = "detections"
    """Detector results."""
    lookup_folder: RelativeName = "lookup"
    """Lookup tables."""
    extracted_folder: RelativeName = "extracted"
    """Extracted subsets."""
    catalog_folder: RelativeName = "catalog"
    """The catalogue: a database, and its tables."""
    datasets_folder: RelativeName = "datasets"
    """Datasets, a folder each."""
    models_folder: RelativeName = "models"
    """Trained models, a folder a run."""
    embeddings_folder: RelativeName = "embeddings"
    """Embeddings of the decoded images, a table a shard."""
    reports_folder: RelativeName = "reports"
    """The report: a page, and its tables."""

    @model_validator(mode="after")
    def _each_has_its_own_place(self) -> OutputStructure:
        for (one, inner), (other, outer) in permutations(self, 2):
            if PurePosixPath(inner).is_relative_to(outer):
                raise ValueError(f"{one} ({inner}) and {other} ({outer}) must not be the same or inside one another")
        return self


class InitializerParameters(Block):
    """What some initializers need to know."""

    data_sources: list[str] = []
    """`tol_general`: values of `data_source` whose rows are kept."""
    excluded_servers: list[str] = []
    """Servers (host[:port]) whose rows are left out, whatever the initializer."""


class Decode(Selection):
    """Which shards become archives of images, and how."""

    archive: Archive = "tar"
    """`tar`, `tar.gz`, or a `folder` of loose files."""
    image_format: DecodedFormat = "stored"
    """`jpeg`, `png`, or `stored`: encoded images as they are, raw pixels as PNG."""
    jpeg_quality: int = Field(90, ge=1, le=100)
    """Quality where images are encoded as JPEG."""


class Detector(Block):
    """Which detector looks at the images, and how."""

    model: DetectorName = "MDV5A"
    """A model's name that the megadetector package knows (MDV5A, MDV1000-redwood, ...), or a checkpoint file."""
    model_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 that the checkpoint file must have. Loading a checkpoint can run code: give it for a file of others."""
    model_cache: str = "~/.cache/treeline/models"
    """Folder that named models are fetched into, once."""
    threshold: float = Field(0.005, ge=0, le=1)
    """Lowest confidence that is written."""
    batch_size: int = Field(8, ge=1)
    """Images that the model sees at once."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU when there is one."""


class Lookup(Selection):
    """Which groups of images are looked up, and by which metadata."""

    metadata: NotEmpty | None = None
    """Occurrence table to join by `source_id`: CSV, TSV, Parquet, or a Darwin Core archive."""
    groups_folder: str = "config/groups"
    """Folder of the group definitions, a YAML file each."""
    groups: GroupNames = []
    """Names of the groups to make; empty makes every group of the folder."""
    detections: bool = False
    """Join the detector's results, so that groups can ask for them."""
    n_max_files_per_batch: int = Field(100, ge=1)
    """Most shards that one lookup batch reads from."""
    scan_ranks: int = Field(1, ge=1)
    """MPI processes that list the downloaded images: one collects what the others read. 1 runs without MPI."""


class Extract(Block):
    """How subsets are written."""

    ranks: int = Field(1, ge=1)
    """MPI processes that extract one lookup batch: one writes what the others read. 1 runs without MPI."""
    max_rows: int = Field(1024, ge=1)
    """Most images in a part."""
    max_bytes: int = Field(1024**3, ge=1)
    """Most image bytes in a part."""
    categories: GroupNames = ["museum_specimen_all"]
    """Groups that are also written by museum category. The default counts only where there is that group."""
    records_per_category_file: int = Field(1500, ge=1)
    """Most records in a file of the category pass."""


class Report(Block):
    """What the report counts."""

    min_confidence: Confidence = 0.2
    """Confidence from which a detection counts: an image goes by the category of its best one, or shows nothing."""


class Settings(Block):
    """The whole configuration."""

    path_to_input: NotEmpty
    """The table of image URLs: CSV, TSV (also .gz, .zst), Parquet, a folder or glob of them, a Darwin Core archive."""
    path_to_output: OutputPath = "results"
    """Root of everything that Treeline writes."""
    initializer_type: NotEmpty = "plain"
    """How the input is read: `plain`, `gbif`, `eol`, `fathomnet`, `lila`, `tol_general`, or a SQL file of yours."""
    initializer_parameters: InitializerParameters = InitializerParameters()
    """What some initializers need to know."""
    stages: Annotated[list[Stage], Field(min_length=1), AfterValidator(check_distinct)] = list(STAGES)
    """Stages that `snakemake` without a target runs."""
    output_structure: OutputStructure = OutputStructure()
    """Names of files and folders."""
    schedule_rules: dict[int, int] = {1: 1, 50: 2, 200: 4}
    """At least so many batches of a server: so many downloaders at once, which share its rate."""
    downloader_parameters: DownloaderParameters = DownloaderParameters()
    """How images are fetched and stored."""
    download: Download = Download()
    """How the download stage runs."""
    tools_parameters: ToolsParameters = ToolsParameters()
    """Which tools run over the shards."""
    decode: Decode = Decode()
    """How shards become archives."""
    detector: Detector = Detector()
    """Which detector looks at the images."""
    detections: Detections = Detections()
    """What is made of the detector's results."""
    lookup: Lookup = Lookup()
    """Which groups are looked up."""
    extract: Extract = Extract()
    """How subsets are written."""
    catalog: Catalog = Catalog()
    """What the catalogue holds."""
    datasets: Datasets = Datasets()
    """Which datasets are made."""
    models: Models = Models()
    """Which models are trained."""
    report: Report = Report()
    """What the report counts."""

    @model_validator(mode="before")
    @classmethod
    def _yaml_keys_as_numbers(cls, values: Any) -> Any:
        """Take the keys of `schedule_rules` as numbers: JSON, and so Snakemake's cluster jobs, make them strings."""
        rules = values.get("schedule_rules") if isinstance(values, Mapping) else None
        if not isinstance(rules, Mapping):
            return values
        numbers = {int(key) if isinstance(key, str) and key.isdecimal() else key: rules[key] for key in rules}
        return {**values, "schedule_rules": numbers}

    @model_validator(mode="after")
    def _schedule_rules_cover_one_batch(self) -> Settings:
        if 1 not in self.schedule_rules:
            raise ValueError("schedule_rules: needs a rule for 1 batch, such as {1: 1}")
        if any(batches < 1 or lanes < 1 for batches, lanes in self.schedule_rules.items()):
            raise ValueError("schedule_rules: numbers of batches and of downloaders must be at least 1")
        if max(self.schedule_rules.values()) > self.downloader_parameters.max_concurrency:
            raise ValueError("schedule_rules: a server cannot have more downloaders than max_concurrency has requests")
        return self

    @model_validator(mode="after")
    def _stages_have_what_they_need(self) -> Settings:
        if self.lookup.detections and "detect" not in self.stages:
            raise ValueError("lookup.detections: needs the stage detect among stages")
        crops = self.tools_parameters.crop_to_boxes
        if crops is not None and crops.boxes is None and "detect" not in self.stages:
            raise ValueError("tools_parameters.crop_to_boxes: give it boxes, or the stage detect among stages")
        if crops is not None and crops.boxes is None and self.decode.images_from == "crop_to_boxes":
            raise ValueError(
                "decode.images_from: crop_to_boxes waits for detections in the decoded images; give it boxes"
            )
        if "catalog" in self.stages and self.catalog.dataset is None and not self.catalog.sources:
            raise ValueError("catalog: give it a dataset or sources, or leave the stage catalog out")
        check_selections({"decode": self.decode, "lookup": self.lookup}, dict(self.tools_parameters.items()))
        return self

    @model_validator(mode="after")
    def _initializer_has_what_it_needs(self) -> Settings:
        if self.initializer_type == "tol_general" and not self.initializer_parameters.data_sources:
            raise ValueError("initializer_parameters.data_sources: tol_general needs at least one, or it keeps no row")
        return self
