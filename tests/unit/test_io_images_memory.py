"""Large images are converted some rows at a time: the same pixels, in a bounded multiple of their memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shards import encode, encoded_kinds
from treeline.io.images import decode

KINDS = encoded_kinds()
SIDE = 4000
BYTES_A_PIXEL = 10  # of the decoder's image and of the result; converted as a whole, these were 14 to 36

PEAK = """
import re, sys
from pathlib import Path
from treeline.io.images import decode
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
data = Path(sys.argv[1]).read_bytes()
before = peak()
decode(data)
print(peak() - before)
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strip_pixels", [1, 100, 36 * 24])
def test_strips_change_no_pixel(kind: str, strip_pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = decode(KINDS[kind])
    monkeypatch.setattr("treeline.io.images.STRIP_PIXELS", strip_pixels)
    assert np.array_equal(decode(KINDS[kind]), expected)


def test_16_bits_are_rounded_to_the_nearest_of_8() -> None:
    grey = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(decode(encode(Image.fromarray(grey), "PNG"))[:, :, 0], np.rint(grey / 257))


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "LA", "RGB"])
def test_memory_is_a_bounded_multiple_of_the_pixels(mode: str, tmp_path: Path) -> None:
    image = Image.new(mode, (SIDE, SIDE))
    (tmp_path / "image").write_bytes(encode(image, "PNG", compress_level=1))
    run = subprocess.run([sys.executable, "-c", PEAK, tmp_path / "image"], capture_output=True, text=True, check=True)
    assert int(run.stdout) < BYTES_A_PIXEL * SIDE**2
