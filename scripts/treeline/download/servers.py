"""What a job knows of the servers that it asks: its own, and those that redirects lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from treeline.config_download import DownloaderParameters
from treeline.download.addresses import server_of_url
from treeline.download.breaker import Breaker
from treeline.download.pace import Pace
from treeline.download.robots import Robots
from treeline.download.tables import rate_limit_of
from treeline.download.turnstile import Turnstile
from treeline.errors import TreelineError


class LeaveAloneError(TreelineError):
    """A server asks to be left alone for longer than the job can wait.

    Args:
        seconds: So long, from now.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the server, which asks to be left alone for {seconds:.0f} s")


class Server:
    """One server: how fast it may be asked, whether it still answers, and what it asks to be left alone.

    Args:
        name: host[:port].
        pace: Of this job's requests.
        breaker: Parks it when it has stopped to answer.
        turnstile: Shared with other jobs; None where there are none.
        is_own: Whether the job's shard is of this server, so that its lanes share the rate.
    """

    def __init__(self, name: str, pace: Pace, breaker: Breaker, turnstile: Turnstile | None, *, is_own: bool) -> None:
        self.name, self.pace, self.breaker = name, pace, breaker
        self._turnstile, self._is_own = turnstile, is_own
        self._robots: Robots | None = None
        self._one_at_a_time = asyncio.Lock()

    async def turn(self, longest_pause: float) -> None:
        """Wait until the next request may be sent.

        Raises:
            LeaveAloneError: The server asks for a pause of more than `longest_pause` seconds.
        """
        if self.pace.seconds_paused > longest_pause:
            raise LeaveAloneError(self.pace.seconds_paused)
        await self.pace.turn()
        if self._turnstile is not None and (not self._is_own or self._turnstile.is_in_use):
            await self._turnstile.turn()

    async def robots(self, read: Callable[[], Awaitable[Robots]]) -> Robots:
        """The server's rules for robots, read by `read` at the first call that succeeds."""
        async with self._one_at_a_time:
            if self._robots is None:
                self._robots = await read()
                if self._robots.crawl_delay:
                    self.pace.lower_limit(1 / self._robots.crawl_delay / self.pace.lanes)
            return self._robots


class Servers:
    """The servers of one job.

    Args:
        own: That of the job's shard.
        parameters: Limits of the others.
        profiles: The profiles table, for the rates of the others.
        turns: Folder in which jobs agree on the turns at the others.
    """

    def __init__(self, own: Server, parameters: DownloaderParameters, profiles: Path | None, turns: Path) -> None:
        self.own = own
        self._own_names = {own.name}
        self._parameters, self._profiles, self._turns = parameters, profiles, turns
        self._others: dict[str, Server] = {}

    def own_of(self, url: httpx.URL) -> Server:
        """The job's own server, one of whose URLs this is, however that writes the server's name."""
        self._own_names.add(server_of_url(url))
        return self.own

    def of(self, url: httpx.URL) -> Server:
        """The server that a URL is asked of."""
        name = server_of_url(url)
        if name in self._own_names:
            return self.own
        if name not in self._others:
            self._others[name] = self._make(name)
        return self._others[name]

    def _make(self, name: str) -> Server:
        limit = rate_limit_of(self._profiles, name, self._parameters.default_rate_limit)
        pace = Pace(limit, self._parameters.rate_multiplier)
        breaker = Breaker(self._parameters.patience)
        return Server(name, pace, breaker, Turnstile(self._turns, name, limit), is_own=False)
