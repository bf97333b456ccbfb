"""Find the checkpoint that a configuration names, fetch it once, and make sure that it is the one that is meant.

A checkpoint is unpickled, which can run code, and a flipped byte in it loads silently: checksums come first.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import urllib.request
from pathlib import Path

from treeline.config_values import CHECKPOINT_SUFFIX
from treeline.errors import TreelineError
from treeline.io.atomic import atomic_path
from treeline.io.parquet import sha256_of_file

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 60


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

    A named checkpoint is compared with the published MD5, even when it has been in the cache, put there by hand.

    Raises:
        ModelError: There is no such file or name, the checkpoint cannot be fetched, or it is not the published one.
    """
    checkpoint = checkpoint_path(model, cache)
    if Path(model).suffix == CHECKPOINT_SUFFIX:
        if not checkpoint.exists():
            raise ModelError(f"{checkpoint}: no such checkpoint file. Check detector.model.")
        return checkpoint
    url, md5 = _origin(model)
    if checkpoint.exists():
        _check_md5(checkpoint, md5, f"{checkpoint}: not the published {model}: delete it and try again")
    else:
        log.info("fetching %s from %s", model, url)
        with atomic_path(checkpoint) as temporary:
            _fetch(model, url, temporary, checkpoint)
            _check_md5(temporary, md5, f"{model}: {url} sent another file than the published one: try again")
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


def _fetch(model: str, url: str, target: Path, checkpoint: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, target.open("wb") as file:
            shutil.copyfileobj(response, file)
    except OSError as error:
        raise ModelError(
            f"{model}: cannot be fetched from {url} ({error}). Offline? Get the file on another machine and put it "
            f"at {checkpoint}, or set detector.model to a checkpoint file."
        ) from error


def _check_md5(checkpoint: Path, expected: str, problem: str) -> None:
    with checkpoint.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != expected:
        raise ModelError(f"{problem} (MD5 is {found}, expected {expected}).")
