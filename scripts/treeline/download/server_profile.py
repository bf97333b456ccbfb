"""What was measured of a server, and the rate limit that follows from it."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context

from pydantic import BaseModel, ConfigDict

from treeline.config_download import DownloaderParameters
from treeline.download.answer import OVERLOAD_STATUSES

RATE_DIGITS = Context(prec=4, rounding=ROUND_DOWN)


class ServerProfile(BaseModel):
    """The measurements of one server; but for the last, the columns of `server_profiles.csv`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_name: str
    """Host and port."""
    samples: int
    """URLs that were chosen."""
    allowed: int
    """Those of them that robots.txt allows."""
    statuses: dict[int, int]
    """For each HTTP status, the answers to samples that had it; written as `200:4 404:1`."""
    failures: int
    """Samples that were asked for and not answered."""
    seconds_to_first_byte: float | None = None
    """Median over the images that came (status 2xx), from the request to the answer's headers."""
    seconds_to_last_byte: float | None = None
    """Median over the images that came, from the request to the end of the body."""
    body_bytes: int | None = None
    """Median size of the images that came."""
    ranges: bool | None = None
    """Whether parts of an image can be asked for; None if no image came."""
    compression: str = ""
    """`Content-Encoding` that an image comes in if one asks for gzip or deflate; empty if it comes as it is."""
    robots_status: int | None = None
    """HTTP status of robots.txt; None if there was no answer."""
    crawl_delay: float | None = None
    """Seconds between two requests that robots.txt asks for."""
    announced_rate: float | None = None
    """Requests a second that the server says it bears, by its rate limit headers; the lowest."""
    failure: str = ""
    """What went wrong with the last request that was not answered."""

    @property
    def is_unreachable(self) -> bool:
        """Whether there was not one HTTP answer, robots.txt included."""
        return self.robots_status is None and not self.statuses

    def proposed_rate_limit(self, parameters: DownloaderParameters) -> float:
        """Requests a second that the server can be asked to bear, above 0 and at most `default_rate_limit`.

        The least of what is configured, asked for, announced, and answered if `max_concurrency` requests are open at
        once; halved for each question that it was too busy for (429, 503).
        """
        bounds = [parameters.default_rate_limit]
        if self.crawl_delay and parameters.obey_robots_txt:
            bounds.append(1 / self.crawl_delay)
        if self.announced_rate is not None:
            bounds.append(self.announced_rate)
        if self.seconds_to_last_byte:
            bounds.append(parameters.max_concurrency / self.seconds_to_last_byte)
        busy = sum(answers for status, answers in self.statuses.items() if status in OVERLOAD_STATUSES)
        busy += self.robots_status in OVERLOAD_STATUSES
        rate = min(bounds) / 2**busy
        return rate if rate == parameters.default_rate_limit else float(RATE_DIGITS.create_decimal_from_float(rate))


PROFILE_FIELDS = tuple(ServerProfile.model_fields)
SERVER_PROFILE_COLUMNS = (*PROFILE_FIELDS, "proposed_rate_limit")


def table_row(profile: ServerProfile, parameters: DownloaderParameters) -> list[object]:
    """A server's row of `server_profiles.csv`."""
    return [_cell(getattr(profile, name)) for name in PROFILE_FIELDS] + [profile.proposed_rate_limit(parameters)]


def _cell(value: object) -> object:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.4g}"
        case dict():
            return " ".join(f"{status}:{answers}" for status, answers in sorted(value.items()))
        case _:
            return value
