"""Decoders may die, hang and run out of memory: that costs one image, and nothing outlives the parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.batches import encoded, photo
from treeline.config_download import DownloaderParameters
from treeline.download import decoder
from treeline.download.decoder import DecoderError, Decoders
from treeline.errors import ImageError
from treeline.io.images import MAX_PIXELS
from treeline.io.process import process_image
from treeline.io.stored import ImageParameters

PARAMETERS = DownloaderParameters(image_size=32)
ORIGINAL = DownloaderParameters(image_format="original")
SMALL = encoded(photo(200, 100))
STORED = process_image(SMALL, ImageParameters.of(PARAMETERS))
SLOW = encoded(np.zeros((9000, 9000, 3), np.uint8), "PNG", compress_level=1)
SECONDS = 30  # more than anything here takes

ORPHANS = """
import asyncio, sys
from pathlib import Path
from treeline.config_download import DownloaderParameters
from treeline.download.decoder import Decoders

async def main():
    decoders = Decoders(2)
    body = Path(sys.argv[1]).read_bytes()
    await asyncio.gather(*(decoders.process(body, DownloaderParameters()) for _ in range(2)))
    print("decoded", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def run(scenario: Callable[[Decoders], Awaitable[None]], count: int = 1) -> None:
    async def main() -> None:
        async with Decoders(count) as decoders:
            await scenario(decoders)

    asyncio.run(main())
    assert not children()


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "treeline.download.decoder_process" in child.cmdline()]


async def until_it_decodes(child: psutil.Process) -> None:
    async with asyncio.timeout(SECONDS):
        before = child.cpu_times().user
        while child.cpu_times().user < before + 0.05:
            await asyncio.sleep(0.01)


async def child_with_an_image() -> psutil.Process:
    """The only child, as soon as it has an image, and with that a limit of its memory."""
    async with asyncio.timeout(SECONDS):
        while True:
            for child in children():
                if child.rlimit(psutil.RLIMIT_DATA)[0] != psutil.RLIM_INFINITY:
                    return child
            await asyncio.sleep(0.01)


async def until_it_is_gone(child: psutil.Process) -> None:
    async with asyncio.timeout(SECONDS):
        while psutil.pid_exists(child.pid):
            await asyncio.sleep(0.01)


def test_the_largest_image_is_the_configuration_s() -> None:
    assert DownloaderParameters().max_image_pixels == MAX_PIXELS


def test_images_are_processed_as_in_this_process() -> None:
    bodies = [encoded(photo(200 + number, 100, seed=number)) for number in range(20)]

    async def scenario(decoders: Decoders) -> None:
        results = await asyncio.gather(*(decoders.process(body, PARAMETERS) for body in bodies))
        assert results == [process_image(body, ImageParameters.of(PARAMETERS)) for body in bodies]
        assert len(children()) == 2

    run(scenario, count=2)


def test_what_is_no_image_is_refused_and_costs_no_decoder() -> None:
    async def scenario(decoders: Decoders) -> None:
        for _ in range(3):
            with pytest.raises(ImageError, match="not an image"):
                await decoders.process(b"<!DOCTYPE html>", PARAMETERS)
        (child,) = children()
        assert await decoders.process(SMALL, PARAMETERS) == STORED
        assert children() == [child]

    run(scenario)


def test_a_jpeg_that_is_kept_needs_no_decoder() -> None:
    async def scenario(decoders: Decoders) -> None:
        assert (await decoders.process(SMALL, ORIGINAL)).image == SMALL
        with pytest.raises(ImageError, match="no end marker"):
            await decoders.process(SMALL[:-200], ORIGINAL)
        assert not children()
        png = encoded(photo(), "PNG")
        assert (await decoders.process(png, ORIGINAL)).image == png
        assert len(children()) == 1

    run(scenario)


@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGSEGV])
def test_an_image_that_two_decoders_die_of_is_given_up_alone(killed_by: signal.Signals) -> None:
    async def scenario(decoders: Decoders) -> None:
        slow = asyncio.create_task(decoders.process(SLOW, PARAMETERS))
        others = []
        for _ in range(2):
            child = await child_with_an_image()
            others.append(asyncio.create_task(decoders.process(SMALL, PARAMETERS)))
            child.send_signal(killed_by)
            await until_it_is_gone(child)
        with pytest.raises(ImageError, match=f"died.*{killed_by.name}"):
            await slow
        assert await asyncio.gather(*others) == [STORED] * 2

    run(scenario)


def test_a_decoder_that_is_killed_once_costs_nothing() -> None:
    async def scenario(decoders: Decoders) -> None:
        await decoders.process(SMALL, PARAMETERS)
        (child,) = children()
        slow = asyncio.create_task(decoders.process(SLOW, PARAMETERS))
        await until_it_decodes(child)
        child.kill()
        assert (await slow).original_size == (9000, 9000)

    run(scenario)


def test_a_decoder_that_died_between_two_images_costs_none() -> None:
    async def scenario(decoders: Decoders) -> None:
        await decoders.process(SMALL, PARAMETERS)
        (child,) = children()
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert await decoders.process(SMALL, PARAMETERS) == STORED

    run(scenario)


def test_a_decoder_that_hangs_costs_its_image_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(decoders: Decoders) -> None:
        await decoders.process(SMALL, PARAMETERS)
        (child,) = children()
        child.suspend()
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "SECONDS_AN_IMAGE", 0.2)
            with pytest.raises(ImageError, match="hung: it took longer than 0.2 s"):
                await decoders.process(SMALL, PARAMETERS)
        assert await decoders.process(SMALL, PARAMETERS) == STORED
        assert not child.is_running()

    run(scenario)


def test_more_memory_than_the_pixels_need_is_refused_to_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "BYTES_A_PIXEL", 1)

    async def scenario(decoders: Decoders) -> None:
        with pytest.raises(ImageError, match="memory|Memory"):
            await decoders.process(SLOW, PARAMETERS.model_copy(update={"image_format": "png"}))
        assert await decoders.process(SMALL, PARAMETERS) == STORED

    run(scenario)


def test_an_answer_that_nobody_waits_for_is_never_taken_for_another_image() -> None:
    async def scenario(decoders: Decoders) -> None:
        await decoders.process(SMALL, PARAMETERS)
        (child,) = children()
        slow = asyncio.create_task(decoders.process(SLOW, PARAMETERS))
        await until_it_decodes(child)
        slow.cancel()
        assert await decoders.process(SMALL, PARAMETERS) == STORED

    run(scenario)


def test_signals_to_the_whole_job_are_for_the_parent() -> None:
    async def scenario(decoders: Decoders) -> None:
        await decoders.process(SMALL, PARAMETERS)
        (child,) = children()
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
        assert await decoders.process(SMALL, PARAMETERS) == STORED
        assert children() == [child]

    run(scenario)


def test_a_decoder_that_cannot_start_is_no_fault_of_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    async def scenario(decoders: Decoders) -> None:
        with pytest.raises(DecoderError, match="exit status 1"):
            await decoders.process(SMALL, PARAMETERS)

    run(scenario)


@pytest.mark.parametrize("suspended", [False, True])
def test_decoders_end_with_a_parent_that_is_killed(suspended: bool, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(SMALL)
    with subprocess.Popen([sys.executable, "-c", ORPHANS, body], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "decoded\n"
        decoders = psutil.Process(parent.pid).children()
        assert len(decoders) == 2
        if suspended:
            decoders[0].suspend()
        parent.kill()
    _, alive = psutil.wait_procs(decoders, timeout=SECONDS)
    assert not alive
