"""From a response's body to what a shard stores: checked, reduced, turned upright, hashed."""

from __future__ import annotations

from treeline.errors import ImageError
from treeline.io.encode import encode_jpeg, encode_png, encode_raw_bgr
from treeline.io.exif import kept_exif
from treeline.io.images import (
    UPRIGHT,
    Header,
    Size,
    decode,
    read_header,
    turn_upright,
)
from treeline.io.resize import enough_for, fit, reduce
from treeline.io.stored import ImageParameters, ProcessedImage, is_kept_jpeg, keep_jpeg, md5


def process_image(body: bytes, parameters: ImageParameters) -> ProcessedImage:
    """Make what is stored of an image out of a response's body.

    Raises:
        ImageError: The body is no whole, readable image, or has too many pixels.
    """
    if not body:
        raise ImageError("the body is empty")
    if is_kept_jpeg(body, parameters):
        return keep_jpeg(body, parameters.max_image_pixels)
    header = read_header(body)
    if parameters.image_format == "original":
        # Nothing but decoding says whether it is whole; formats other than JPEG are rare.
        decode(body, upright=False, max_pixels=parameters.max_image_pixels, header=header)
        size = target = header.size
        image = body
    else:
        size = header.upright_size if parameters.exif_orientation == "apply" else header.size
        target = fit(size, parameters.image_size)
        image = _convert(body, header, target, parameters)
    original_hash = md5(body)
    stored_hash = original_hash if image is body else md5(image)
    return ProcessedImage(image, original_hash, stored_hash, size, target)


def _convert(body: bytes, header: Header, target: Size, parameters: ImageParameters) -> bytes:
    """Decode, reduce, turn and encode; the body itself where nothing of that changes it."""
    upright = parameters.exif_orientation == "apply"
    turned = target[::-1] if upright and header.upright_size != header.size else target
    unchanged = turned == header.size
    pixels = decode(
        body,
        upright=False,
        at_least=None if unchanged else enough_for(header.size, turned),
        max_pixels=parameters.max_image_pixels,
        header=header,
    )
    keeps_orientation = header.orientation == UPRIGHT or not upright
    if unchanged and keeps_orientation and header.format == parameters.image_format:
        return body
    pixels = reduce(pixels, turned)
    if upright:
        pixels = turn_upright(pixels, header.orientation)
    if parameters.image_format == "raw_bgr":
        return encode_raw_bgr(pixels)
    exif = kept_exif(body, UPRIGHT if upright else header.orientation)
    if parameters.image_format == "png":
        return encode_png(pixels, exif)
    return encode_jpeg(pixels, parameters.jpeg_quality, exif)
