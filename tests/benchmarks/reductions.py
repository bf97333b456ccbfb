"""How far a JPEG may be reduced while it is decoded: CPU time of reducing it to 256 pixels, and what is lost.

    python -m tests.benchmarks.reductions

prints the table, and writes it into docs/benchmarks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time

from tests.benchmarks.corpus import SIZE_CLASSES, file_of, make_corpus, make_urls
from tests.benchmarks.downloaders import IMAGE_SIZE, JPEG_QUALITY
from tests.benchmarks.page import write_section
from tests.benchmarks.quality import IMAGES_PER_CLASS, judge
from tests.benchmarks.run import SCRATCH
from treeline.io.encode import encode_jpeg
from treeline.io.images import Pixels, Size, decode, jpeg_size
from treeline.io.resize import JPEG_REDUCTION_MARGIN, enough_for, fit, reduce

IMAGES = 400
ROUNDS = 3

Enough = Callable[[Size, Size], Size]
"""Height and width that suffice as the source of a reduction, given those of the whole and of the target."""


def main() -> int:
    """Measure, and write the table."""
    make_corpus(SCRATCH / "corpus")
    rows = (
        ("the whole image", lambda size, target: size),
        ("by eighths, 2 times the target or more", _times(2)),
        ("by 2, 4 or 8, 2 times the target or more", _halved(2)),
        ("by 2, 4 or 8, 3/2 times the target or more", _halved(3 / 2)),
        ("by 2, 4 or 8, 4/3 times the target or more (Treeline)", _halved(JPEG_REDUCTION_MARGIN)),
        ("by eighths, the target or more", _times(1)),
    )
    assert JPEG_REDUCTION_MARGIN == 4 / 3, "another row is Treeline's"
    header = ["| decoded | CPU ms an image | PSNR small / medium / large, dB |", "|---|--:|---|"]
    write_section("reductions", ["`python -m tests.benchmarks.reductions`", "", *header, *(_row(*row) for row in rows)])
    return 0


def _times(margin: float) -> Enough:
    def enough(size: Size, target: Size) -> Size:
        return int(margin * target[0]), int(margin * target[1])

    return enough


def _halved(margin: float) -> Enough:
    return lambda size, target: enough_for(size, target, margin)


def _row(name: str, enough: Enough) -> str:
    corpus = SCRATCH / "corpus"
    bodies = [(corpus / file_of(url)).read_bytes() for url in make_urls("", IMAGES)]
    seconds = min(_seconds(bodies, enough) for _ in range(ROUNDS))
    judged = [path for size in SIZE_CLASSES for path in sorted(corpus.glob(f"{size.name}-*"))[:IMAGES_PER_CLASS]]
    stored = {f"/{path.name}": encode_jpeg(_reduced(path.read_bytes(), enough), JPEG_QUALITY) for path in judged}
    decibels = " / ".join(f"{value:.1f}" for value in judge(stored, corpus).values())
    return f"| {name} | {1000 * seconds / IMAGES:.2f} | {decibels} |"


def _seconds(bodies: list[bytes], enough: Enough) -> float:
    started = process_time()
    for body in bodies:
        _reduced(body, enough)
    return process_time() - started


def _reduced(body: bytes, enough: Enough) -> Pixels:
    size = jpeg_size(body)
    target = fit(size, IMAGE_SIZE)
    return reduce(decode(body, at_least=enough(size, target)), target)


if __name__ == "__main__":
    sys.exit(main())
