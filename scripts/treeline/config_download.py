"""The configuration of the stage download."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from treeline.choices import MAX_PIXELS
from treeline.config_values import Block, HeaderName, HeaderValue

ImageFormat = Literal["jpeg", "png", "raw_bgr", "original"]


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
    max_image_pixels: int = Field(MAX_PIXELS, ge=1)
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
