"""One request and its answer, within every limit: of time, size, speed and memory.

The request log gets them all, and the server's pace and breaker learn from each.
"""

from __future__ import annotations

import asyncio
from time import monotonic, time

import aiohttp
import httpx

from treeline.config_download import DownloaderParameters
from treeline.download.addresses import PrivateAddressError
from treeline.download.answer import Answer, Ask, FetchError
from treeline.download.headers import opted_out, rate_wish, seconds_to_wait
from treeline.download.servers import Server
from treeline.download.telemetry import Request, RequestLog
from treeline.io.names import mask_credentials
from treeline.schemas import NETWORK_ERROR, OPT_OUT_ERROR, PROCESSING_ERROR

RETRIED_STATUSES = frozenset({429, 500, 501, 502, 503, 504})
NOT_MODIFIED = 304
CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since"})
"""Request headers that make status 304 an answer."""
GRACE_SECONDS = 5.0
"""A body may be slower than `min_bytes_per_second` for so long."""

BOUNDED_ENCODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate", ""})
"""Content encodings that unpack a piece of a body to no more than about a thousand times its size (zstd: any size)."""

# What httpx, the transport under it and the operating system raise for a request that fails.
NETWORK_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError, ValueError)
# Those that another try cannot mend.
FINAL_FAILURES = (
    *(httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.DecodingError, ValueError),
    *(PrivateAddressError, aiohttp.ClientConnectorCertificateError),
)


class Exchange:
    """Sends requests and reads answers.

    Args:
        transport: From `open_transport`.
        parameters: Limits.
        log: Gets every request.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, parameters: DownloaderParameters, log: RequestLog | None = None
    ) -> None:
        self._transport, self._parameters, self._log = transport, parameters, log

    async def __call__(self, ask: Ask) -> Answer:
        """Send a request, whose turn it is, and read the answer.

        Raises:
            FetchError: There is no answer, or none to be used; redirects and status 304 are answers.
        """
        sent, answer = time(), Answer()
        code = NETWORK_ERROR
        try:
            async with asyncio.timeout(ask.seconds) as deadline:
                await self._exchange(ask, answer, deadline)
            code = answer.status
            ask.server.breaker.answered()
            ask.server.pace.succeeded()
        except (FetchError, *NETWORK_FAILURES) as error:
            failure = self._failure(error)
            failure.answer, code = answer, failure.code
            _learn_from_failure(ask.server, failure)
            raise failure from (error if failure is not error else None)
        finally:
            answer.ended = monotonic()
            self._record(ask, answer, code, sent)
            wish = rate_wish(answer.headers)
            if wish is not None:
                ask.server.pace.keep_to(wish.remaining / ask.server.pace.lanes, wish.seconds)
        return answer

    def _failure(self, error: Exception) -> FetchError:
        if isinstance(error, FetchError):
            return error
        if isinstance(error, TimeoutError):
            return FetchError(NETWORK_ERROR, f"no complete answer within {self._parameters.timeout:g} s", retried=True)
        cause = _telling_cause(error)
        code = PROCESSING_ERROR if isinstance(cause, httpx.DecodingError) else NETWORK_ERROR
        reason = mask_credentials(f"{type(cause).__name__}: {cause}".rstrip(": "))
        return FetchError(code, reason, retried=not isinstance(cause, FINAL_FAILURES))

    async def _exchange(self, ask: Ask, answer: Answer, deadline: asyncio.Timeout) -> None:
        response = await self._transport.handle_async_request(httpx.Request("GET", ask.url, headers=ask.headers))
        try:
            answer.first_byte = monotonic()
            answer.status, answer.headers = response.status_code, response.headers
            if response.has_redirect_location:
                answer.redirect = ask.url.join(response.headers["Location"])
            elif response.status_code != NOT_MODIFIED or not CONDITIONS & ask.headers.keys():
                self._check(response, ask)
                answer.body = await self._read(response, ask, answer, deadline)
        finally:
            await response.aclose()

    def _check(self, response: httpx.Response, ask: Ask) -> None:
        """Judge an answer by its status and headers, before any of its body is read."""
        if not response.is_success:
            raise FetchError(
                response.status_code,
                f"HTTP {response.status_code} {response.reason_phrase}".rstrip(),
                retried=response.status_code in RETRIED_STATUSES,
                retry_after=seconds_to_wait(response.headers.get("Retry-After")),
            )
        parameters = self._parameters
        if parameters.obey_opt_out_headers and ask.uuid is not None:
            directive = opted_out(response.headers, parameters.opt_out_directives, parameters.user_agent)
            if directive is not None:
                raise FetchError(OPT_OUT_ERROR, f"the server says X-Robots-Tag: {directive}")
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in BOUNDED_ENCODINGS:
            raise FetchError(PROCESSING_ERROR, f"the body is encoded as {encoding!r}, which was not asked for")
        if _announced(response) > ask.max_bytes and not ask.truncates:
            raise _too_large(ask.max_bytes)

    async def _read(self, response: httpx.Response, ask: Ask, answer: Answer, deadline: asyncio.Timeout) -> bytes:
        pieces: list[bytes] = []
        started, reserved = monotonic(), 0
        if ask.held is not None:
            ask.held.clear()
        async for piece in response.aiter_bytes():
            answer.received += len(piece)
            is_enough = answer.received > ask.max_bytes
            if is_enough and not ask.truncates:
                raise _too_large(ask.max_bytes)
            if ask.held is not None and answer.received > reserved:
                more = max(_announced(response), answer.received) - reserved
                waited = await ask.held.grow(more)
                reserved += more
                # The wait for memory is ours, not the server's.
                started += waited
                deadline.reschedule((deadline.when() or 0) + waited)
            pieces.append(piece)
            if is_enough:
                break
            self._check_speed(answer.received, monotonic() - started)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check_speed(self, received: int, seconds: float) -> None:
        slowest = self._parameters.min_bytes_per_second
        if seconds > GRACE_SECONDS and received < slowest * seconds:
            reason = f"slower than {slowest} bytes a second: {received} in {seconds:.0f} s"
            raise FetchError(NETWORK_ERROR, reason, retried=True)

    def _record(self, ask: Ask, answer: Answer, code: int, sent: float) -> None:
        if self._log is None:
            return
        is_image = 200 <= code < 300 and ask.uuid is not None
        self._log.add(
            Request(
                time=sent,
                server=ask.server.name,
                uuid=ask.uuid,
                purpose=ask.purpose,
                attempt=ask.attempt,
                status=code,
                bytes=answer.received,
                latency_ms=None if answer.first_byte is None else (answer.first_byte - answer.sent) * 1000,
                seconds=answer.seconds,
                rate_limit=ask.server.pace.rate,
                etag=answer.headers.get("ETag") if is_image else None,
                last_modified=answer.headers.get("Last-Modified") if is_image else None,
            )
        )


def _learn_from_failure(server: Server, error: FetchError) -> None:
    if error.is_overload:
        server.pace.struggled()
    if error.retry_after is not None and error.retried:
        server.pace.pause(error.retry_after)
    if error.retried or not error.answer.status:
        server.breaker.failed(error.reason)
    else:
        server.breaker.answered()


def _announced(response: httpx.Response) -> int:
    length = response.headers.get("Content-Length", "0")
    return int(length) if length.isdecimal() else 0


def _too_large(limit: int) -> FetchError:
    return FetchError(PROCESSING_ERROR, f"the body is larger than {limit} bytes")


def _telling_cause(error: BaseException) -> BaseException:
    """What best says why a request failed: the refusal of an address, else aiohttp's error, else the error itself."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    for kind in (PrivateAddressError, aiohttp.ClientError):
        for cause in causes:
            if isinstance(cause, kind):
                return cause
    return error
