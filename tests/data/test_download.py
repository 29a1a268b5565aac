# SPDX-License-Identifier: Apache-2.0
"""Downloads from a server on loopback: whole, broken off and resumed, changed, refused, wrong."""

import fcntl
import hashlib
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.data.server import CloseAfter, Site, Status, WholeFile, serving
from toolchain.data.download import download
from toolchain.errors import DataError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site(CONTENT)) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "speech.tar.gz"


def no_wait(seconds: float) -> None:
    pass


def ranges(site: Site) -> list[str | None]:
    return [request.get("Range") for request in site.requests]


def test_a_file_arrives_whole_and_alone(site: Site, file: Path) -> None:
    counts: list[tuple[int, int | None]] = []
    download(site.url, file, SUM, progress=lambda done, total: counts.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert list(file.parent.iterdir()) == [file]
    assert counts[-1] == (3_000_000, 3_000_000) and counts == sorted(counts)


def test_a_file_that_is_there_is_not_fetched_again(site: Site, file: Path) -> None:
    file.write_bytes(CONTENT)
    download(site.url, file, SUM)
    assert site.requests == []


def test_a_wrong_file_that_is_there_is_replaced(site: Site, file: Path) -> None:
    file.write_bytes(b"something else")
    download(site.url, file, SUM)
    assert file.read_bytes() == CONTENT


def test_a_break_is_resumed_where_it_was(site: Site, file: Path) -> None:
    site.plan = [CloseAfter(1_000_000), CloseAfter(500_000)]
    waits: list[float] = []
    download(site.url, file, SUM, wait=waits.append)
    assert file.read_bytes() == CONTENT
    assert ranges(site) == [None, "bytes=1000000-", "bytes=1500000-"]
    assert site.requests[1]["If-Range"] == '"one"' and waits == [1.0, 1.0]


def test_it_gives_up_keeps_what_it_has_and_another_call_goes_on(site: Site, file: Path) -> None:
    site.plan = [CloseAfter(700_000)] + [Status(503)] * 5
    waits: list[float] = []
    with pytest.raises(DataError) as caught:
        download(site.url, file, SUM, wait=waits.append)
    assert "broke off after 700,000 of 3,000,000 bytes (HTTP 503" in str(caught.value)
    assert "the same command goes on from there" in str(caught.value)
    assert waits == [1.0, 2.0, 4.0, 8.0] and not file.exists()
    download(site.url, file, SUM, wait=no_wait)
    assert ranges(site)[-1] == "bytes=700000-" and file.read_bytes() == CONTENT


def test_a_killed_process_is_resumed_by_the_next(site: Site, file: Path) -> None:
    class KilledError(BaseException):
        pass

    def kill(done: int, total: int | None) -> None:
        if done > 1_000_000:
            raise KilledError

    with pytest.raises(KilledError):
        download(site.url, file, SUM, progress=kill)
    download(site.url, file, SUM)
    assert str(ranges(site)[-1]) > "bytes=1000000-" and file.read_bytes() == CONTENT


def test_a_download_that_only_lacked_its_renaming_is_completed(site: Site, file: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(site.url, file, SUM, progress=interrupt)
    assert file.with_name("speech.tar.gz.part").stat().st_size == 3_000_000
    download(site.url, file, SUM)
    assert ranges(site) == [None, "bytes=3000000-"] and file.read_bytes() == CONTENT


@pytest.mark.parametrize("validator", ["etag", "last_modified"])
def test_a_file_that_changed_on_the_server_is_fetched_anew(site: Site, file: Path, validator: str) -> None:
    site.etag = None
    setattr(site, validator, '"one"' if validator == "etag" else "Wed, 11 Apr 2018 19:41:55 GMT")
    site.plan = [CloseAfter(1_000_000)] + [Status(500)] * 5
    with pytest.raises(DataError):
        download(site.url, file, SUM, wait=no_wait)
    site.content = CONTENT[::-1] + b"more"
    setattr(site, validator, '"two"' if validator == "etag" else "Thu, 12 Apr 2018 00:00:00 GMT")
    download(site.url, file, hashlib.sha256(site.content).hexdigest(), wait=no_wait)
    assert file.read_bytes() == site.content
    assert ranges(site)[-1] == "bytes=1000000-"  # asked for the rest, was given all


def test_a_file_that_shrank_is_fetched_anew(site: Site, file: Path) -> None:
    site.plan = [CloseAfter(2_000_000)]
    content = CONTENT[:1_000_000]

    def shrink(seconds: float) -> None:
        site.content = content

    download(site.url, file, hashlib.sha256(content).hexdigest(), wait=shrink)
    assert file.read_bytes() == content


def test_a_server_that_ignores_ranges_is_taken_from_the_start(site: Site, file: Path) -> None:
    site.plan = [CloseAfter(1_000_000), WholeFile()]
    download(site.url, file, SUM, wait=no_wait)
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_patched_together(site: Site, file: Path, etag: str | None) -> None:
    site.etag = etag
    site.plan = [CloseAfter(1_000_000)]
    download(site.url, file, SUM, wait=no_wait)
    assert ranges(site) == [None, None] and file.read_bytes() == CONTENT


def test_a_partial_file_of_another_address_is_not_used(site: Site, file: Path) -> None:
    site.plan = [CloseAfter(1_000_000)] + [Status(503)] * 5
    with pytest.raises(DataError):
        download(site.url, file, SUM, wait=no_wait)
    with serving(Site(CONTENT)) as mirror:
        download(mirror.url, file, SUM)
        assert ranges(mirror) == [None]


def test_an_unknown_length_is_no_obstacle(site: Site, file: Path) -> None:
    site.sends_length = False
    counts: list[tuple[int, int | None]] = []
    download(site.url, file, SUM, progress=lambda done, total: counts.append((done, total)))
    assert file.read_bytes() == CONTENT and counts[-1] == (3_000_000, None)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(404, "not found"), (403, "the server refuses it"), (401, "a login is needed"), (410, "gone")],
)
def test_a_refusal_is_one_error_at_once(site: Site, file: Path, status: int, meaning: str) -> None:
    site.plan = [Status(status)] * 9
    with pytest.raises(DataError) as caught:
        download(site.url, file, SUM, wait=no_wait)
    assert str(caught.value) == f"{site.url}: {meaning} (HTTP {status}); check the address, --url gives another"
    assert len(site.requests) == 1 and list(file.parent.iterdir()) == []


def test_no_server_at_all(file: Path) -> None:
    with serving(Site(CONTENT)) as site:
        url = site.url
    with pytest.raises(DataError, match=r"cannot be downloaded: Connection refused"):
        download(url, file, SUM, wait=no_wait)
    assert list(file.parent.iterdir()) == []


def test_a_wrong_checksum_removes_the_download(site: Site, file: Path) -> None:
    with pytest.raises(DataError) as caught:
        download(site.url, file, "0" * 64)
    assert f"the 3,000,000 bytes that arrived have SHA-256 {SUM}, not {'0' * 64}; removed" in str(caught.value)
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "speech.tar.gz"])
def test_only_the_web_is_downloaded_from(file: Path, url: str) -> None:
    with pytest.raises(DataError, match="only http and https addresses"):
        download(url, file, SUM)


def test_too_little_room_is_told_before_anything_is_written(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolchain.data.download.shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(DataError, match=r"3,000,000 bytes are to come, 1,000 are free on this disk"):
        download(site.url, file, SUM)
    assert list(file.parent.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from toolchain.data.download import download
from toolchain.errors import DataError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
except DataError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ") or not hasattr(resource, "RLIMIT_FSIZE"), reason="no file limits")
def test_a_write_that_fails_is_one_error_and_resumed_later(site: Site, file: Path) -> None:
    """A real failure of the operating system: this process may write no file beyond 1 MB."""
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, site.url, str(file), SUM], capture_output=True, text=True, timeout=60
    )
    assert "cannot be written after" in run.stdout and "File too large; make room" in run.stdout, run.stderr
    download(site.url, file, SUM)
    assert ranges(site)[-1] is not None and file.read_bytes() == CONTENT


def test_two_processes_do_not_write_the_same_file(site: Site, file: Path) -> None:
    with file.with_name("speech.tar.gz.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is downloading this file"):
            download(site.url, file, SUM)


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"speech\.tar\.gz\.part: cannot be written"):
        download(site.url, tmp_path / "file" / "speech.tar.gz", SUM)
