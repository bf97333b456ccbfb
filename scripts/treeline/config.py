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

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from treeline.config_values import (
    DetectorName,
    GroupNames,
    HeaderName,
    HeaderValue,
    NotEmpty,
    OutputPath,
    RelativeName,
    check_distinct,
)

Stage = Literal["urls", "download", "decode", "detect", "lookup", "extract"]
STAGES: tuple[Stage, ...] = get_args(Stage)

Initializer = Literal["plain", "gbif", "eol", "fathomnet", "lila", "tol_general"]
INITIALIZERS: tuple[Initializer, ...] = get_args(Initializer)

ImageFormat = Literal["jpeg", "png", "raw_bgr", "original"]
Archive = Literal["tar", "tar.gz", "folder"]
DecodedFormat = Literal["jpeg", "png", "stored"]


class Block(BaseModel):
    """A block of the configuration: unknown keys, values of a wrong type and numbers that are none are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


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
    """Reserved for tools over shards; nothing is written there yet."""
    decoded_folder: RelativeName = "decoded"
    """Decoded images, an archive a shard."""
    detections_folder: RelativeName = "detections"
    """Detector results."""
    lookup_folder: RelativeName = "lookup"
    """Lookup tables."""
    extracted_folder: RelativeName = "extracted"
    """Extracted subsets."""

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


class DownloaderParameters(Block):
    """How images are fetched and stored."""

    batch_size: int = Field(10_000, ge=1)
    """Most URLs in a batch. A batch becomes one shard; changing this affects only batches made later."""
    image_size: int | None = Field(720, ge=1)
    """Longest side of a stored image in pixels; larger images are reduced, smaller ones kept. Null keeps every size."""
    image_format: ImageFormat = "jpeg"
    """`jpeg`; `png`; `raw_bgr` (the upstream downloader's raw pixels); `original` (bytes as served, no resizing)."""
    jpeg_quality: int = Field(90, ge=1, le=100)
    """Quality of the JPEGs that Treeline encodes. An image that needs no change keeps its original bytes."""
    exif_orientation: Literal["apply", "keep"] = "apply"
    """Turn images upright, or keep the pixels and the EXIF orientation as they are. `raw_bgr` needs `apply`."""
    header: dict[HeaderName, HeaderValue] = {}
    """More request headers, ASCII. `$NAME` is taken from the environment, so that no token has to stand in a file."""
    user_agent: str = Field("Treeline/0.1", min_length=1, pattern=r"^[\x20-\x7e]+$")
    """Who is asking. A web page or mail address in it is required, so that a server's owner can reach you."""
    obey_robots_txt: bool = True
    """Leave alone what a server's robots.txt disallows, and keep to its `Crawl-delay`."""
    obey_opt_out_headers: bool = True
    """Leave out images whose `X-Robots-Tag` holds one of `opt_out_directives`."""
    opt_out_directives: list[str] = ["noai", "noimageai", "noindex", "noimageindex"]
    """Values of `X-Robots-Tag` that mean: not for this use."""
    default_rate_limit: float = Field(5.0, gt=0)
    """Requests a second that a server is asked at most, unless the profiles table says otherwise for it."""
    rate_multiplier: float = Field(0.5, ge=0, lt=1)
    """How far a struggling server's rate may drop: to limit x (1 - multiplier)."""
    max_concurrency: int = Field(16, ge=1)
    """Requests that are open at once to one server, over all its lanes; at least as many as it has lanes."""
    max_lanes: int = Field(64, ge=1)
    """Downloads that run at once over all servers. Where there would be more, the smallest servers share a lane."""
    timeout: float = Field(30.0, gt=0)
    """Seconds that one request may take from first to last byte, redirects included."""
    min_bytes_per_second: int = Field(1000, ge=0)
    """Slowest body, on average since its first byte and after 5 seconds of grace; 0 lets all of `timeout` pass."""
    max_retries: int = Field(4, ge=0)
    """Tries after the first, for statuses 429, 500, 501, 502, 503, 504 and network errors."""
    backoff: float = Field(1.0, ge=0)
    """Seconds before the first retry; doubled for each further one, with jitter. `Retry-After` overrides it."""
    max_backoff: float = Field(300.0, ge=0)
    """Longest wait in seconds before a retry. A server that asks for a longer one ends the job: run it again later."""
    max_redirects: int = Field(5, ge=0)
    """Redirects that are followed for one image."""
    patience: float = Field(300.0, ge=0)
    """Seconds of nothing but failures after which a server is parked: the shard's other rows become errors, code -5."""
    max_image_bytes: int = Field(64 * 1024**2, ge=1)
    """Largest body in bytes; a larger one is an error row, and is not read to its end."""
    max_image_pixels: int = Field(100_000_000, ge=1)
    """Largest width x height that is decoded."""
    max_bytes_in_flight: int = Field(256 * 1024**2, ge=1)
    """Bytes of bodies that a job holds at once; one body may go beyond it, so that any can come through."""
    unverified_servers: list[str] = []
    """Servers (host[:port]) whose TLS certificate is not checked. Their answers can be forged: only where you must."""
    allow_private_addresses: bool = False
    """Also ask loopback, private and link-local addresses. Only for servers that you run yourself."""

    @model_validator(mode="after")
    def _raw_pixels_hold_no_orientation(self) -> DownloaderParameters:
        if self.image_format == "raw_bgr" and self.exif_orientation == "keep":
            raise ValueError("image_format raw_bgr cannot keep an EXIF orientation: set exif_orientation to apply")
        return self


class Download(Block):
    """How the download stage runs."""

    mode: Literal["shard", "fleet"] = "shard"
    """`shard`: one job a shard, one shard of a lane at a time. `fleet`: one MPI job for the whole schedule."""
    shards_per_job: int = Field(1, ge=1)
    """`shard`: shards of a lane that one cluster job downloads, one after the other."""
    fleet_ranks: int = Field(2, ge=1)
    """`fleet`: MPI processes, one core each. 1 runs without MPI."""
    shards_per_rank: int = Field(8, ge=1)
    """`fleet`: shards that one process downloads at once, of different lanes."""
    refetch: bool = False
    """Ask the servers again even for shards that the spool still holds; they need not send what has not changed."""
    retry_errors: list[int] = []
    """Values of `error_code`: finished shards that have such errors ask for those images once more."""
    profile_samples: int = Field(5, ge=1)
    """Images of a server that are asked for to profile it."""
    profile_from_rows: int = Field(100_000, ge=0)
    """Servers are profiled where the input has at least so many URLs; below, each gets `default_rate_limit`."""


class Decode(Block):
    """How shards become archives of images."""

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


class Lookup(Block):
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
    decode: Decode = Decode()
    """How shards become archives."""
    detector: Detector = Detector()
    """Which detector looks at the images."""
    lookup: Lookup = Lookup()
    """Which groups are looked up."""
    extract: Extract = Extract()
    """How subsets are written."""

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
        return self

    @model_validator(mode="after")
    def _initializer_has_what_it_needs(self) -> Settings:
        if self.initializer_type == "tol_general" and not self.initializer_parameters.data_sources:
            raise ValueError("initializer_parameters.data_sources: tol_general needs at least one, or it keeps no row")
        return self
