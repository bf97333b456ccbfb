"""A mirror holds what was pushed, whatever happens on the way, and a pull believes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from tests.encoded_datasets import content_below
from treeline.datasets import mirror
from treeline.datasets.mirror import pull, push
from treeline.datasets.mirror_manifest import MANIFEST, UNFINISHED, from_json
from treeline.errors import InputError

SECRET = "a-secret-of-the-environment"
CONTENT = {"metadata.h5": b"tables", "shards/train-00000.tar": b"x" * 5000, "shards/ä b.tar": b"", "deer/#1.jpg": b"j"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fsspec.AbstractFileSystem]:
    """A server that speaks S3, with what a user sets in the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield fsspec.filesystem("s3", use_listings_cache=False)
    server.stop()


def write_files(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def pulled(folder: Path) -> dict[str, bytes]:
    content = content_below(folder)
    names = {name.split("/", 1)[1]: data for name, data in content.items()}
    names.pop(MANIFEST)
    return names


def test_there_and_back_over_s3(s3: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "example-birds", CONTENT | {".tmp-x/half": b"not this"})
    assert push(folder, "s3://") == (4, 4, 5007)
    assert s3.exists("example-birds/shards/train-00000.tar")
    assert pull("s3://example-birds", tmp_path / "copy") == (4, 4, 5007)
    assert pulled(tmp_path / "copy") == CONTENT
    assert push(folder, "s3://example-birds") == pull("s3://example-birds", tmp_path / "copy") == (4, 0, 0)
    assert not s3.exists(f"example-birds/{UNFINISHED}")


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_only_what_differs_moves(protocol: str, tmp_path: Path) -> None:
    url = f"{protocol}://{tmp_path}/store" if protocol == "file" else f"memory://{tmp_path.name}"
    folder = write_files(tmp_path / "dataset", CONTENT)
    push(folder, url)
    pull(url, tmp_path / "copy")
    (folder / "metadata.h5").write_bytes(b"TABLES")  # of the same length
    (folder / "deer" / "#1.jpg").unlink()
    write_files(folder, {"val.tar": b"new"})
    write_files(tmp_path / "copy", {"mine.txt": b"stays", "shards/train-00000.tar": b"damaged"})
    assert push(folder, url) == (4, 2, 9)
    assert pull(url, tmp_path / "copy") == (4, 3, 5009)
    assert pulled(tmp_path / "copy") == {**pulled_from(folder), "mine.txt": b"stays"}
    store, root = fsspec.core.url_to_fs(url)
    assert sorted(path[len(root) + 1 :] for path in store.find(root)) == sorted([*pulled_from(folder), MANIFEST])


def pulled_from(folder: Path) -> dict[str, bytes]:
    return {name.split("/", 1)[1]: data for name, data in content_below(folder).items()}


KILLED = """
import os, signal, sys
import s3fs
from pathlib import Path
from treeline.datasets import mirror

mirror.NOTED_FILES, mirror.AT_ONCE = 2, 1
sent, put_file = [], s3fs.S3FileSystem.put_file

def put(self, *arguments, **options):
    if len(sent) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    sent.append(arguments)
    return put_file(self, *arguments, **options)

s3fs.S3FileSystem.put_file = put
mirror.push(Path(sys.argv[1]), sys.argv[2])
"""


def test_a_killed_push_goes_on(s3: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    content = {f"images/{number}.jpg": bytes([number]) * 10 for number in range(9)}
    folder = write_files(tmp_path / "killed", content)
    process = subprocess.run([sys.executable, "-c", KILLED, str(folder), "s3://killed"], check=False)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(InputError, match="there is no finished mirror"):
        pull("s3://killed", tmp_path / "copy")
    (folder / "images" / "0.jpg").write_bytes(b"0123456789")  # was sent, and has changed since
    # Of five files that were sent, two lists of two are noted; one of these has changed.
    assert push(folder, "s3://killed") == (9, 6, 60)
    assert pull("s3://killed", tmp_path / "copy") == (9, 9, 90)
    assert pulled(tmp_path / "copy") == content | {"images/0.jpg": b"0123456789"}


class _StoppedError(Exception):
    pass


@settings(max_examples=30)
@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=2)), st.integers(0, 12))))
def test_a_finished_push_is_right_whatever_was_stopped_before(
    tmp_path_factory: pytest.TempPathFactory, pushes: list[tuple[dict[str, bytes], int]]
) -> None:
    """Pushes of changing folders, each stopped at some change of the store; then one that ends."""
    base = tmp_path_factory.mktemp("pushes")
    url = f"memory://{base.name}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirror, "AT_ONCE", 1)
        patch.setattr(mirror, "NOTED_FILES", 2)
        for number, (content, stop) in enumerate([*pushes, ({"a": b"1", "e": b"2"}, 10**6)]):
            folder = write_files(base / str(number), content or {"b": b"0"})
            with patch.context() as stopping:
                left = iter(range(stop))
                for name in ("write", "send", "remove"):
                    stopping.setattr(mirror.Store, name, _counted(getattr(mirror.Store, name), left))
                try:
                    push(folder, url)
                except _StoppedError:
                    continue
            pull(url, base / f"copy-{number}")
            assert pulled(base / f"copy-{number}") == pulled_from(folder)


def _counted(method, left):  # type: ignore[no-untyped-def]
    def counted(*arguments):  # type: ignore[no-untyped-def]
        if next(left, None) is None:
            raise _StoppedError
        return method(*arguments)

    return counted


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        "",
        ".",
        "a//b",
        "./a",
        ".ssh/keys",
        MANIFEST,
        f"{UNFINISHED}/0.json",
        "a\0b",
    ],
)
def test_a_name_that_leads_elsewhere(name: str, tmp_path: Path) -> None:
    manifest = {"version": 1, "files": {"good": {"size": 0, "sha256": "0" * 64}, name: {"size": 0, "sha256": "0" * 64}}}
    url = f"memory://hostile-{tmp_path.name}"
    fsspec.filesystem("memory").pipe_file(f"/hostile-{tmp_path.name}/{MANIFEST}", json.dumps(manifest).encode())
    with pytest.raises(InputError, match=MANIFEST):
        pull(url, tmp_path / "deep" / "copy")
    assert content_below(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}x", '{"version": 2, "files": {}}', '{"version": 1, "files": {"a": {"size": -1, "sha256": "00"}}}']
    + ['{"version": 1, "files": {"a": {"size": 1, "sha256": "' + "0" * 64 + '", "more": 1}}}', "\xff"],
)
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(InputError, match="mirror.*: is no manifest"):
        from_json(text.encode("latin-1"), "mirror")


def test_a_file_that_is_a_folder() -> None:
    entry = {"size": 0, "sha256": "0" * 64}
    with pytest.raises(InputError, match="'a' is none of a dataset's file"):
        from_json(json.dumps({"version": 1, "files": {"a": entry, "a/b": entry}}).encode(), "mirror")


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    url = f"memory://links-{tmp_path.name}"
    push(write_files(tmp_path / "dataset", {"shards/a.tar": b"a"}), url)
    (tmp_path / "outside").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "shards").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="through a link"):
        pull(url, tmp_path / "copy")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"ab", b"abcd", b"x" * 10_000_000, None])
def test_an_object_that_is_not_what_the_manifest_says(content: bytes | None, tmp_path: Path) -> None:
    url, store = f"memory://changed-{tmp_path.name}", fsspec.filesystem("memory")
    push(write_files(tmp_path / "dataset", {"a": b"abc", "b": b"b"}), url)
    place = f"/changed-{tmp_path.name}/a"
    if content is None:
        store.rm_file(place)
    else:
        store.pipe_file(place, content)
    with pytest.raises(InputError, match=r"changed-.*/a: is not (what the manifest says|there)"):
        pull(url, tmp_path / "copy")
    assert not (tmp_path / "copy" / "a").exists()
    assert not (tmp_path / "copy" / MANIFEST).exists()
    # An object whose size is another one is sent again; of the same size, the manifest is believed.
    if content is None or len(content) != 3:
        assert push(tmp_path / "dataset", url).moved == 1
        assert pull(url, tmp_path / "copy").files == 2


def test_no_secret_is_ever_shown(
    s3: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_files(tmp_path / "dataset", CONTENT)
    with pytest.raises(InputError) as caught:
        push(folder, f"s3://somebody:{SECRET}@bucket/folder")
    assert "has credentials in it" in str(caught.value)
    assert SECRET not in str(caught.value)

    def leak(*_: object, **__: object) -> None:
        raise PermissionError(f"denied to {SECRET} at https://me:{SECRET}@host/")

    monkeypatch.setattr(type(s3), "find", leak)
    with pytest.raises(InputError) as caught:
        push(folder, "s3://bucket")
    assert "PermissionError: denied to *** at https://***@host/" in str(caught.value)


def test_stores_that_cannot_be_used(s3: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "dataset", CONTENT)
    with pytest.raises(InputError, match="Protocol not known"):
        push(folder, "nothing://bucket")
    with pytest.raises(InputError, match="no finished mirror"):
        pull("s3://no-such-bucket", tmp_path / "copy")
    with pytest.raises(InputError, match="no such folder"):
        push(tmp_path / "missing", "s3://bucket")
    assert urlsplit(os.environ["AWS_ENDPOINT_URL"]).hostname == "127.0.0.1"
