"""What is measured of samples, against other tools; and samples that cannot be used."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from scipy import stats
from skimage.measure import shannon_entropy

from tests.dataset_sources import UTM33, describe, jpeg, listed, measured, photo, write_mask, write_photos, write_raster
from tests.shards import encode, exif
from treeline.datasets.build import write_measured
from treeline.datasets.measure import MISSING, measure
from treeline.errors import ImageError, InputError
from treeline.io.datasets.metadata import SPECTRAL, Metadata
from treeline.io.pdq import pdq
from treeline.io.rasters import read_raster

SEEN = ["a", "b", "c"]
"""Classes of a segmentation."""


def spectral_of(metadata: Metadata, id: int) -> pd.DataFrame:
    spectral = metadata.tables["spectral"]
    return spectral[spectral["id"] == id].reset_index(drop=True)


def check_spectral(found: pd.DataFrame, pixels: np.ndarray[Any, Any]) -> None:
    for channel in range(pixels.shape[2]):
        values = pixels[..., channel].ravel()
        row = found.iloc[channel]
        assert (row["min"], row["max"]) == (values.min(), values.max())
        assert row["mean"] == pytest.approx(values.mean(dtype=np.float64))
        assert row["variance"] == pytest.approx(values.var(dtype=np.float64))
        assert row["skewness"] == pytest.approx(stats.skew(values.astype(np.float64)))
        assert row["kurtosis"] == pytest.approx(stats.kurtosis(values.astype(np.float64)))
        if pixels.dtype == np.uint8:
            assert row["entropy"] == pytest.approx(shannon_entropy(values, base=2))


def test_photos(tmp_path: Path) -> None:
    turned = jpeg(1, exif=exif(orientation=6, taken="2024:05:06 07:08:09"))
    files = {
        "deer/a.jpg": jpeg(0, exif=exif(taken="0000:00:00 00:00:00")),
        "deer/b.jpg": turned,
        "hare/c.png": encode(Image.fromarray(photo(2)), "PNG"),
    }
    photos = write_photos(tmp_path / "photos", files)
    metadata = measured(tmp_path, {"kind": "folder", "path": str(photos)})
    spatial, additional = metadata.tables["spatial"], metadata.tables["additional"]
    assert metadata.index["sha256"].tolist() == [hashlib.sha256(data).hexdigest() for data in files.values()]
    assert spatial["image_width"].tolist() == [96, 64, 96]
    assert spatial["image_height"].tolist() == [64, 96, 64]
    assert additional["format"].tolist() == ["jpeg", "jpeg", "png"]
    assert additional["file_bytes"].tolist() == [len(data) for data in files.values()]
    assert additional["problem"].tolist() == ["", "", ""]
    assert spatial["x_gsd"].isna().all()
    times = metadata.tables["temporal"]["time_of_capture"]
    assert times.isna().tolist() == [True, False, True]
    assert times[1] == pd.Timestamp("2024-05-06 07:08:09")
    for id, data in enumerate(files.values()):
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image.convert("RGB"))
        check_spectral(spectral_of(metadata, id), pixels)
        assert spectral_of(metadata, id)["name"].tolist() == ["red", "green", "blue"]
    hashed, quality = pdq(photo(2))
    assert (additional["pdq"][2], additional["pdq_quality"][2]) == (hashed.hex(), quality)


def test_the_column_says_the_time_before_exif_does(tmp_path: Path) -> None:
    taken = exif(taken="2024:05:06 07:08:09")
    photos = write_photos(tmp_path / "photos", {name: jpeg(0, exif=taken) for name in ("a.jpg", "b.jpg")})
    (tmp_path / "rows.csv").write_text("file,class,taken\na.jpg,deer,2025-01-01\nb.jpg,deer,\n")
    source = {"kind": "table", "path": str(tmp_path / "rows.csv"), "images": [str(photos)]}
    metadata = measured(tmp_path, source, labels=["class"], time="taken")
    times = metadata.tables["temporal"]["time_of_capture"].tolist()
    assert times == [pd.Timestamp("2025-01-01"), pd.Timestamp("2024-05-06 07:08:09")]


def test_rasters_with_masks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bands = rng.integers(0, 10_000, (20, 30, 4)).astype(np.uint16)
    write_raster(tmp_path / "tiles/a.tif", bands)
    write_raster(tmp_path / "tiles/x/b.tif", bands, nodata=float(bands[0, 0, 0]))
    numbers = rng.choice([0, 1, 2, 255], (20, 30)).astype(np.uint8)
    for name in ("a.png", "x/b.png", "unused.png"):
        write_mask(tmp_path / "masks" / name, numbers)
    source = {"kind": "rasters", "path": str(tmp_path / "tiles"), "masks": str(tmp_path / "masks")}
    metadata = measured(tmp_path, source, "segmentation", classes=SEEN)
    assert metadata.channels == ("B1", "B2", "B3", "B4")
    assert metadata.index["mask_path"].tolist() == ["masks/a.tif.png", "masks/x/b.tif.png"]
    spatial = metadata.tables["spatial"].iloc[0]
    with rasterio.open(tmp_path / "tiles/a.tif") as raster:
        assert (spatial["crs"], spatial["x_offset"], spatial["y_offset"]) == (
            UTM33,
            raster.bounds.left,
            raster.bounds.top,
        )
        assert (spatial["x_gsd"], spatial["y_gsd"]) == raster.res
    check_spectral(spectral_of(metadata, 0), bands)
    there = bands[..., 0].ravel()[bands[..., 0].ravel() != bands[0, 0, 0]]
    assert spectral_of(metadata, 1)["mean"][0] == pytest.approx(there.mean())
    assert metadata.tables["additional"]["pdq_quality"].gt(0).all()


def test_a_raster_that_is_turned_or_lies_nowhere(tmp_path: Path) -> None:
    bands = np.zeros((4, 4, 1), np.uint8)
    turned = write_raster(
        tmp_path / "turned.tif", bands, transform=from_origin(0, 0, 1, 1) @ rasterio.Affine.rotation(30)
    )
    with pytest.raises(ImageError, match="turned against its coordinates"):
        read_raster(turned.read_bytes())
    nowhere = read_raster(encode(Image.fromarray(bands[..., 0]), "TIFF")).header
    assert nowhere.crs == ""
    assert np.isnan(nowhere[1:5]).all()
    assert nowhere.bands == ("band_1",)


def test_samples_that_cannot_be_read(tmp_path: Path) -> None:
    good = jpeg(0)
    photos = write_photos(
        tmp_path / "photos", {"x/a.jpg": good, "x/b.jpg": good[:200], "x/c.png": b"no image", "x/d.jpg": b""}
    )
    source = {"kind": "folder", "path": str(photos)}
    with pytest.raises(InputError, match=r"x/b\.jpg: .*JPEG.* 2 more cannot be used.*`drop_unreadable`"):
        measured(tmp_path, source)
    assert not (tmp_path / "01").exists()
    metadata = measured(tmp_path, source, steps=[{"drop_unreadable": None}])
    problems = metadata.tables["additional"]["problem"].tolist()
    assert problems[0] == ""
    assert all(problems[1:])
    assert metadata.tables["additional"]["pdq"].tolist()[1:] == ["", "", ""]
    assert spectral_of(metadata, 1)[list(SPECTRAL)].isna().all(axis=None)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", {"x/a.jpg": jpeg(0), "x/b.jpg": jpeg(1)})
    listed(tmp_path, {"kind": "folder", "path": str(photos)})
    (photos / "x/b.jpg").unlink()
    with pytest.raises(InputError, match=rf"x/b\.jpg: {MISSING}\. .*`drop_missing`"):
        write_measured(tmp_path / "00/metadata.h5", tmp_path / "tested.yaml", tmp_path / "01", threads=1)
    describe(tmp_path / "tested.yaml", {"kind": "folder", "path": str(photos)}, steps=[{"drop_missing": {}}])
    metadata = write_measured(tmp_path / "00/metadata.h5", tmp_path / "tested.yaml", tmp_path / "01", threads=1)
    assert metadata.tables["additional"]["problem"].tolist() == ["", MISSING]


def test_a_corrupt_raster_has_the_same_reason_each_time(tmp_path: Path) -> None:
    whole = write_raster(tmp_path / "a.tif", np.zeros((40, 40, 3), np.uint16)).read_bytes()
    for data in (whole[:100], whole[:300], whole[:-2000], whole.replace(b"\x00\x01", b"\x07\x01")):
        reasons = set()
        for _ in range(2):
            with pytest.raises(ImageError, match="corrupt TIFF: [A-Z'a-z]") as refused:
                read_raster(data)
            reasons.add(str(refused.value))
        assert len(reasons) == 1, reasons


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((64, 95), np.uint8), "its mask is of 95 x 64 pixels, the image of 96 x 64"),
        (np.full((64, 96), 3, np.uint8), "its mask holds 3: there are 3 classes, from 0, and 255 for none"),
        (np.zeros((64, 96), np.uint16), "its mask cannot be read: a mask has 8 bits a pixel"),
    ],
)
def test_masks_that_do_not_fit(tmp_path: Path, mask: np.ndarray[Any, Any], message: str) -> None:
    photos = write_photos(tmp_path / "photos", {"a.jpg": jpeg(0)})
    write_mask(tmp_path / "masks/a.png", mask)
    source = {"kind": "folder", "path": str(photos), "masks": str(tmp_path / "masks")}
    with pytest.raises(InputError, match=rf"a\.jpg: {message}"):
        measured(tmp_path, source, "segmentation", classes=SEEN)


def test_rasters_of_other_bands(tmp_path: Path) -> None:
    for name, count in (("a.tif", 2), ("b.tif", 3)):
        write_raster(tmp_path / "tiles/x" / name, np.zeros((4, 4, count), np.float32))
    with pytest.raises(InputError, match=r"x/b\.tif: it has 3 channels, and not 2"):
        measured(tmp_path, {"kind": "rasters", "path": str(tmp_path / "tiles")})


def test_boxes_end_at_the_edge_or_are_refused(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", {f"x/{name}.jpg": jpeg(0) for name in "abcd"})
    metadata = listed(tmp_path, {"kind": "folder", "path": str(photos)})
    boxes = pd.DataFrame(
        [
            (0, 0, -0.5, 0.0, 20.0, 64.9),
            (1, 0, 90.0, 0.0, 8.0, 5.0),
            (2, 0, 5.0, 5.0, 0.0, 5.0),
            (3, 0, 1.0, 2.0, 3.0, 4.0),
        ],
        columns=["id", "number", "x", "y", "width", "height"],
    )
    found = measure(metadata.with_tables(boxes=boxes))
    assert found.tables["boxes"].values.tolist()[0] == [0, 0, 0, 0, 19.5, 64]
    assert found.tables["boxes"].values.tolist()[3] == [3, 0, 1, 2, 3, 4]
    problems = found.tables["additional"]["problem"].tolist()
    assert problems[0] == problems[3] == ""
    assert problems[1] == "its box 0 (90, 0, 8 x 5) does not lie in the image"
    assert "does not lie in the image" in problems[2]
