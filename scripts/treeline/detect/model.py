"""Find the checkpoint that a configuration names, fetch it once, and make sure that it is the one that is meant.

A checkpoint is unpickled, which can run code, and a flipped byte in it loads silently: checksums come first.
"""

from __future__ import annotations

import hashlib
import logging
import urllib.request
from pathlib import Path

from treeline.errors import TreelineError
from treeline.io.atomic import atomic_path
from treeline.io.parquet import sha256_of_file

log = logging.getLogger(__name__)

CHECKPOINT_SUFFIX = ".pt"
TIMEOUT_SECONDS = 60
CHUNK_BYTES = 1 << 20


class ModelError(TreelineError):
    """A detector's checkpoint cannot be had, is not the expected one, or does not load."""


def checkpoint_path(model: str, cache: Path) -> Path:
    """Where a model's checkpoint lies, or will lie once it is fetched.

    Args:
        model: A checkpoint file (`.pt`), or a name that the megadetector package knows.
        cache: Folder of the fetched models; `~` is the home folder.
    """
    if Path(model).suffix == CHECKPOINT_SUFFIX:
        return Path(model)
    return cache.expanduser() / f"{model}{CHECKPOINT_SUFFIX}"


def find_checkpoint(model: str, cache: Path) -> Path:
    """Find a model's checkpoint; fetch a known name into the cache when it is not there yet.

    Raises:
        ModelError: There is no such file or name, or the checkpoint cannot be fetched.
    """
    checkpoint = checkpoint_path(model, cache)
    if checkpoint.exists():
        return checkpoint
    if Path(model).suffix == CHECKPOINT_SUFFIX:
        raise ModelError(f"{checkpoint}: no such checkpoint file. Check detector.model.")
    url, md5 = _origin(model)
    log.info("fetching %s from %s", model, url)
    with atomic_path(checkpoint) as temporary:
        found_md5 = _fetch(model, url, temporary, checkpoint)
        if found_md5 != md5:
            raise ModelError(
                f"{model}: {url} sent a file with MD5 {found_md5}, expected {md5}. Try again, or get the file "
                f"from its publisher and put it at {checkpoint}."
            )
    return checkpoint


def check_sha256(checkpoint: Path, expected: str | None) -> str:
    """Compute a checkpoint's SHA-256 and compare it with the expected one, if one is given.

    Raises:
        ModelError: The file is another one.
    """
    found = sha256_of_file(checkpoint)
    if expected is not None and found != expected:
        raise ModelError(
            f"{checkpoint}: SHA-256 is {found}, expected {expected}. The file is damaged or another model: "
            "do not load it; get it anew or correct detector.model_sha256."
        )
    return found


def _origin(model: str) -> tuple[str, str]:
    """URL and MD5 that the megadetector package has for a name."""
    from megadetector.detection.run_detector import known_models, model_string_to_model_version

    version = model_string_to_model_version.get(model.lower(), model.lower())
    origin = known_models.get(version, {})
    if "md5" not in origin:  # unknown, or one of the TensorFlow models of old
        names = ", ".join(name for name in model_string_to_model_version if name.startswith("mdv"))
        raise ModelError(f"{model}: unknown detector. Give a checkpoint file (.pt), or one of: {names}.")
    return origin["url"], origin["md5"]


def _fetch(model: str, url: str, target: Path, checkpoint: Path) -> str:
    """Write what `url` sends to `target`; return its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, target.open("wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
    except OSError as error:
        raise ModelError(
            f"{model}: cannot be fetched from {url} ({error}). Offline? Get the file on another machine and put it "
            f"at {checkpoint}, or set detector.model to a checkpoint file."
        ) from error
    return digest.hexdigest()
