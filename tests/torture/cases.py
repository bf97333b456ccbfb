"""The torture table: every way in which a server, a URL or an image can be difficult, and the row it must give."""

from __future__ import annotations

import gzip

import zstandard
from multidict import CIMultiDict

from resources.example.replies import Reply
from tests.batches import photo, rotated_jpeg
from tests.torture import images
from tests.torture.case import (
    BUSY,
    EXPIRED,
    GOOD,
    HTTP2,
    IPV6,
    NAMED,
    OF_ANOTHER_HOST,
    SELF_SIGNED,
    SLOW,
    UNVERIFIED,
    VERIFIED,
    Case,
    Failed,
    RetryAfterDate,
    Stored,
    case,
    chunked,
    raw,
    redirect,
)
from tests.torture.images import HTML, KINDS, PHOTO
from tests.torture.robots_cases import ROBOTS

KIND = Stored((24, 36), (21, 32))
TURNED = Stored((320, 240), (32, 24))
BAD_CERTIFICATE = Failed(-1, "certificate", tries=None)
FAILED_TWICE = (Reply(status=500), Reply(status=500))
DRIBBLE = Reply(PHOTO, chunk_bytes=1, pause_seconds=0.2)
SILENCE = Reply(PHOTO, delay_seconds=60)

STATUSES = [
    *(case(f"status {status}", Failed(status, f"HTTP {status}"), Reply(status=status)) for status in (401, 403, 404)),
    *(case(f"status {status}", Failed(status, f"HTTP {status}"), Reply(status=status)) for status in (410, 451, 999)),
    case("status 204", Failed(-2, "empty"), Reply(status=204)),
    case("unasked 304", Failed(304), Reply(status=304)),
    case("early hints", Stored(), raw("HTTP/1.1 103 Early Hints\n\nHTTP/1.1 200 OK\nConnection: close", PHOTO)),
    case("429, seconds", Stored(tries=2), Reply(status=429, headers={"Retry-After": "1"}), GOOD, site=BUSY, pause=0.99),
    case("429, date", Stored(tries=2), Reply(status=429, headers=RetryAfterDate(2)), GOOD, site=BUSY, pause=0.9),
    case("500 twice", Stored(tries=3), Reply(status=500), Reply(status=500), GOOD, site=BUSY),
    case("502, then 504", Stored(tries=3), Reply(status=502), Reply(status=504), GOOD, site=BUSY),
    case("503 once", Stored(tries=2), Reply(status=503), GOOD, site=BUSY),
    case("503 for ever", Failed(503, "HTTP 503", tries=3), Reply(status=503), site=BUSY),
]

BODIES = [
    case("wrong type", Stored(), Reply(PHOTO, content_type="text/html")),
    case("page for a photo", Failed(-2, "not an image"), Reply(HTML)),
    case("empty body", Failed(-2, "empty"), Reply(b"")),
    case("gzip", Stored(), Reply(gzip.compress(PHOTO), headers={"Content-Encoding": "gzip"})),
    case("gzip cut off", Failed(-2), Reply(gzip.compress(PHOTO)[:-400], headers={"Content-Encoding": "gzip"})),
    case("no gzip at all", Failed(-2, "DecodingError"), Reply(PHOTO, headers={"Content-Encoding": "gzip"})),
    case(
        "gzip bomb",
        Failed(-2, "larger"),
        Reply(images.gzip_bomb(), headers={"Content-Encoding": "gzip"}),
    ),
    case("zstd", Failed(-2, "zstd"), Reply(zstandard.compress(PHOTO), headers={"Content-Encoding": "zstd"})),
    case("announced too large", Failed(-2, "larger"), raw("HTTP/1.1 200 OK\nContent-Length: 99999999999")),
    case("endless", Failed(-2, "larger"), Reply(bytes(50_000), endless=True)),
    case(
        "with validators",
        Stored(),
        Reply(PHOTO, headers={"ETag": '"1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}),
    ),
    # What takes long is the last try alone.
    case("byte by byte", Failed(-1, "slower", tries=3), *FAILED_TWICE, DRIBBLE, site=SLOW),
    case("byte by byte once", Stored(tries=2), DRIBBLE, GOOD, site=SLOW),
    case("no answer", Failed(-1, "no complete answer", tries=3), *FAILED_TWICE, SILENCE, site=SLOW),
    case("no answer once", Stored(tries=2), SILENCE, GOOD, site=SLOW),
    case("slow to start", Stored(), Reply(PHOTO, delay_seconds=1), site=SLOW),
]

PROTOCOL = [
    case("reset at once", Failed(-1, tries=3), Reply(reset=True)),
    case("reset in the body", Failed(-1, tries=3), raw("HTTP/1.1 200 OK\nContent-Length: 90000", PHOTO, reset=True)),
    case("reset, then fine", Stored(tries=2), Reply(reset=True), GOOD),
    case("body cut off", Failed(-1, tries=3), Reply(PHOTO, missing_bytes=1000)),
    case("body without length", Stored(), raw("HTTP/1.1 200 OK\nConnection: close", PHOTO)),
    case("HTTP/1.0", Stored(), raw("HTTP/1.0 200 OK", PHOTO)),
    case("chunked", Stored(), raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", chunked(PHOTO))),
    case(
        "chunked, cut off",
        Failed(-1, tries=3),
        raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", chunked(PHOTO)[:-600]),
    ),
    case(
        "chunks of no size", Failed(-1, tries=3), raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"zz\r\n" + PHOTO)
    ),
    case(
        "more than announced",
        Failed(-1, tries=3),
        raw(f"HTTP/1.1 200 OK\nContent-Length: {len(PHOTO)}", PHOTO + b"more"),
    ),
    case("length of words", Failed(-1, tries=None), raw("HTTP/1.1 200 OK\nContent-Length: many", PHOTO)),
    case("length below zero", Failed(-1, tries=None), raw("HTTP/1.1 200 OK\nContent-Length: -5", PHOTO)),
    case("two lengths", Failed(-1, tries=None), raw("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6", PHOTO)),
    case("header of 100 KB", Failed(-1, tries=None), Reply(PHOTO, headers={"X-Long": "x" * 100_000})),
    case(
        "endless headers",
        Failed(-1, tries=None),
        raw("HTTP/1.1 200 OK\n" + "X-Many: 1\n" * 100_000 + "X-Last: 1", PHOTO),
    ),
    case("not HTTP", Failed(-1, tries=3), Reply(raw=bytes(range(128, 192)) + b"\r\n\r\n")),
    case("nothing", Failed(-1, tries=3), Reply(raw=b"\r\n")),
    case("another protocol", Failed(-1, tries=3), Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n")),
]

REDIRECTS = [
    case(
        "redirects within the limit",
        Stored(),
        redirect("/within-1", 301),
        elsewhere={"/within-1": redirect("/within-2", 307), "/within-2": redirect("within-3", 308), "/within-3": GOOD},
    ),
    case(
        "redirects beyond the limit",
        Failed(-1, "redirects"),
        redirect("/beyond-1"),
        elsewhere={f"/beyond-{n}": redirect(f"/beyond-{n + 1}") for n in range(1, 9)},
    ),
    case(
        "redirect loop",
        Failed(-1, "redirect"),
        redirect("/loop-1"),
        elsewhere={"/loop-1": redirect("/loop-2"), "/loop-2": redirect("/loop-1")},
    ),
    case("redirect to itself", Failed(-1, "redirect"), redirect("/itself"), elsewhere={"/itself": redirect("/itself")}),
    case("redirect to a page", Failed(-2, "not an image"), redirect("/login"), elsewhere={"/login": Reply(HTML)}),
    case("redirect to nothing", Failed(404), redirect("/gone"), elsewhere={"/gone": Reply(status=404)}),
    case("redirect to spaces", Stored(), redirect("/a new place.jpg"), elsewhere={"/a%20new%20place.jpg": GOOD}),
    case("redirect without a place", Failed(302), Reply(status=302)),
    case("redirect to a file", Failed(-1, "file"), redirect("file:///etc/passwd")),
    case("redirect to FTP", Failed(-1, "ftp"), redirect("ftp://127.0.0.2/photo.jpg")),
    case("redirect to data", Failed(-1), redirect("data:image/png;base64,AAAA")),
    case("redirect to no URL", Failed(-1, tries=None), redirect("http://[::1/")),
]

IMAGES = [
    *(case(kind, Stored((36, 24), (32, 21)) if kind == "jpeg turned" else KIND, Reply(KINDS[kind])) for kind in KINDS),
    *(case(f"EXIF {turn}", Stored(), Reply(rotated_jpeg(photo(320, 240), turn))) for turn in (1, 2, 3, 4)),
    *(case(f"EXIF {turn}", TURNED, Reply(rotated_jpeg(photo(320, 240), turn))) for turn in (5, 6, 7, 8)),
    case("EXIF of nonsense", Stored(), Reply(images.with_exif(b"MM\0*" + b"\xff" * 200))),
    case("jpeg, cut off", Failed(-2), Reply(PHOTO[: len(PHOTO) // 2])),
    case("jpeg without its end", Failed(-2), Reply(PHOTO[:-2])),
    case("jpeg's start alone", Failed(-2), Reply(PHOTO[:20])),
    case("jpeg with more behind", Stored(), Reply(PHOTO + bytes(1000))),
    case("jpeg of no pixels", Failed(-2), Reply(images.jpeg_that_claims(0, 0))),
    case("jpeg that claims to be huge", Failed(-2, "pixels"), Reply(images.jpeg_that_claims(20_000, 20_000))),
    case("huge png", Failed(-2, "pixels"), Reply(images.png(20_000, 20_000))),
    case("long png", Stored((60_000, 1), (32, 1)), Reply(images.png(1, 60_000))),
    case("png, cut off", Failed(-2), Reply(KINDS["png"][:-40])),
    case("png with a text bomb", Failed(-2), Reply(images.text_bomb())),
    case("png with a profile bomb", Failed(-2), Reply(images.profile_bomb())),
    case("gif, cut off", Failed(-2), Reply(KINDS["gif"][:-200])),
    case("webp, cut off", Failed(-2), Reply(KINDS["webp"][:-40])),
    case("avif, cut off", Failed(-2), Reply(KINDS["avif"][:-200])),
    case("zeros", Failed(-2, "not an image"), Reply(bytes(5000))),
    case("svg", Failed(-2, "not an image"), Reply(images.SVG, content_type="image/svg+xml")),
]

# What is asked is the URL as the table has it, encoded where HTTP needs that and nowhere else: signatures depend on it.
TARGETS = [
    case("%2F", Stored(), target="/a%2Fb.jpg"),
    case("%2f", Stored(), target="/a%2fb.jpg"),
    case("%20", Stored(), target="/a%20photo.jpg"),
    case("needless encoding", Stored(), target="/%70hoto%2Dof%7ea%2ejpg"),
    case("space", Stored(), target="/a photo.jpg?of=an owl", asked="/a%20photo.jpg?of=an%20owl"),
    case("umlaut", Stored(), target="/Käfer.jpg?art=Käfer", asked="/K%C3%A4fer.jpg?art=K%C3%A4fer"),
    case("CJK", Stored(), target="/鳥.jpg", asked="/%E9%B3%A5.jpg"),
    case("plus", Stored(), target="/a+b.jpg?q=a+b%2B"),
    case("punctuation", Stored(), target="/a;v=1,2/(x)!~@:&=$'*.jpg?a=$,;:@/?!'()*"),
    case("double slashes", Stored(), target="//double//slashes.jpg"),
    case("dots", Stored(), target="/a/../b/./c.jpg", asked="/b/c.jpg"),
    case("query of pairs", Stored(), target="/a.jpg?id=1&id=2&empty=&flag"),
    case("query of a URL", Stored(), target="/a.jpg?url=http%3A%2F%2Fexample.org%2Fa%3Fb%3Dc%26d"),
    case("query of a signature", Stored(), target="/a.jpg?sig=%2bAb%2f9%3d&X=AK%2F2024%2Fs3"),
    case("query of an entity", Stored(), target="/a.jpg?x=1&amp;y=2"),
    case("query without a name", Stored(), target="/?12345"),
    case("no path", Stored(), target="?only=query", asked="/?only=query"),
    case("fragment", Stored(), target="/fragment.jpg#xywh=0,0,10,10", asked="/fragment.jpg"),
    case("8,000 characters", Stored(), target=f"/{'long/' * 1400}photo.jpg?q={'x' * 980}"),
    case("line break", Failed(-1, tries=None), target="/line\nbreak.jpg"),
]

SERVERS = [
    case("IPv6", Stored(), site=IPV6),
    case("host in capitals", Stored(), site=NAMED),
    case("scheme in capitals", Stored(), site=NAMED, scheme="HTTP"),
    case("international host", Failed(-1, tries=None), url="http://bücher.invalid/a.jpg"),
    case("host with a space", Failed(-1, tries=None), url="http://a host.invalid/a.jpg"),
    case("no host", Failed(-1, tries=None), url="http:///a.jpg"),
    case("no bracket", Failed(-1, tries=None), url="http://[::1/a.jpg"),
    case("port beyond all", Failed(-1, tries=None), url="http://127.0.0.2:99999/a.jpg"),
    case("nobody listens", Failed(-1, tries=None), url="http://127.0.0.2:1/a.jpg"),
    case("FTP", Failed(-1, "ftp", tries=None), url="ftp://127.0.0.2/a.jpg"),
    case("file", Failed(-1, "file", tries=None), url="file:///etc/passwd"),
    case("good certificate", Stored(), site=VERIFIED),
    case("expired certificate", BAD_CERTIFICATE, site=EXPIRED),
    case("self-signed certificate", BAD_CERTIFICATE, site=SELF_SIGNED),
    case("certificate of another host", BAD_CERTIFICATE, site=OF_ANOTHER_HOST),
    case("unverified server", Stored(), site=UNVERIFIED),
    case("HTTP/2", Stored(), site=HTTP2),
    case("HTTP/2, 404", Failed(404), Reply(status=404), site=HTTP2),
    case("HTTP/2, 503 once", Stored(tries=2), Reply(status=503), GOOD, site=HTTP2),
    case("HTTP/2, redirect", Stored(), redirect("/new.jpg"), site=HTTP2, elsewhere={"/new.jpg": GOOD}),
]


def tagged(name: str, expected: Stored | Failed, *tags: str) -> Case:
    """A good photo with these headers `X-Robots-Tag`."""
    return case(name, expected, Reply(PHOTO, headers=CIMultiDict(("X-Robots-Tag", tag) for tag in tags)))


OPT_OUTS = [
    tagged("noai", Failed(-4, "noai"), "noai"),
    tagged("noimageai", Failed(-4, "noimageai"), "noimageai"),
    tagged("noindex", Failed(-4, "noindex"), "noindex"),
    tagged("mixed case", Failed(-4, "noindex"), "NoIndex"),
    tagged("one of a list", Failed(-4, "noai"), "nofollow, noai,noarchive"),
    tagged("one of several headers", Failed(-4, "noimageindex"), "nofollow", "noimageindex"),
    tagged("for us", Failed(-4, "noai"), "treeline: noai"),
    tagged("for another", Stored(), "otherbot: noindex, noai"),
    tagged("for another, then for all", Failed(-4, "noai"), "otherbot: nofollow", "noai"),
    tagged("other tags", Stored(), "nofollow, max-image-preview: large, unavailable_after: 2030-01-01"),
    tagged("tag of nothing", Stored(), ""),
]

CASES = [*STATUSES, *BODIES, *PROTOCOL, *REDIRECTS, *IMAGES, *TARGETS, *SERVERS, *OPT_OUTS, *ROBOTS]
