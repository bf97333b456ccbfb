"""What an error code means, and what to do about it: the one place that says so, for `treeline errors` and README."""

from __future__ import annotations

import re
from typing import NamedTuple

from treeline.schemas import NETWORK_ERROR, OPT_OUT_ERROR, PARKED_ERROR, PROCESSING_ERROR, ROBOTS_ERROR


class Advice(NamedTuple):
    """Advice on some error codes, or on one of the causes that share a code.

    Args:
        codes: Values of `error_code`; none for all other HTTP statuses.
        meaning: What has happened.
        what_to_do: About it; both are Markdown.
        message: Regular expression that finds the cause in `error_msg`.
    """

    codes: tuple[int, ...]
    meaning: str
    what_to_do: str
    message: str = ""


ADVICE = (
    Advice(
        (401, 403),
        "the server refuses",
        "give a `user_agent` that names you; ask the owner; some need a token in `header`",
    ),
    Advice((404, 410), "the image is gone", "nothing; ask the source for a newer table"),
    Advice(
        (429, 503),
        "after all tries still overloaded, or you are too fast",
        "lower `default_rate_limit`, or `rate_limit` in `profiles.csv`; then `treeline download retry`",
    ),
    Advice((500, 502, 504), "after all tries still broken", "try those images again later: `treeline download retry`"),
    Advice((), "another status: the server's answer to this URL", "see the message"),
    Advice(
        (NETWORK_ERROR,),
        "a private address",
        "nothing; only for servers of your own set `allow_private_addresses`",
        r"private address",
    ),
    Advice(
        (NETWORK_ERROR,),
        "TLS: the server's certificate is not good",
        "tell the owner; only where you must, name the server in `unverified_servers`",
        r"(?i)certificate|\bTLS\b|\bSSLError",
    ),
    Advice(
        (NETWORK_ERROR,),
        "a time-out: no answer, or a slow one",
        "raise `timeout`, or lower `min_bytes_per_second`; then `treeline download retry`",
        r"(?i)no complete answer|time-?out|timed out|bytes a second",
    ),
    Advice(
        (NETWORK_ERROR,),
        "no answer: name, connection, too many redirects",
        "see the message; try those images again later: `treeline download retry`",
    ),
    Advice(
        (PROCESSING_ERROR,),
        "too many pixels or bytes",
        "where such images are meant, raise `max_image_bytes` or `max_image_pixels`; then `treeline download retry`",
        r"limit|larger than",
    ),
    Advice(
        (PROCESSING_ERROR,),
        "no whole image: a web page, a cut-off file",
        "see the message, and open an example in a browser",
    ),
    Advice(
        (ROBOTS_ERROR,),
        "the server's robots.txt asks not to fetch it",
        "leave it, or ask the owner; with a permission, `obey_robots_txt: false`; then `treeline download retry`",
    ),
    Advice(
        (OPT_OUT_ERROR,),
        "the owner opts out of this use by a response header",
        "leave it, or ask the owner; `opt_out_directives` says which words count",
    ),
    Advice(
        (PARKED_ERROR,),
        "not asked for: the server had stopped to answer for longer than `patience`",
        "try those images again when the server is back: `treeline download retry`",
    ),
)


def advice_on(code: int, message: str) -> Advice:
    """Find the advice on an error row.

    Args:
        code: Its `error_code`.
        message: Its `error_msg`.
    """
    fitting = (advice for advice in ADVICE if code in advice.codes and re.search(advice.message, message))
    return next(fitting, next(advice for advice in ADVICE if not advice.codes))


def advice_table() -> str:
    """All advice as a Markdown table."""
    rows = [
        (", ".join(map(str, advice.codes)) or "other statuses", advice.meaning, advice.what_to_do) for advice in ADVICE
    ]
    lines = [("`error_code`", "meaning", "what to do"), ("---",) * 3, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- | --- | --- |", "|---|---|---|")
