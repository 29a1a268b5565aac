# SPDX-License-Identifier: Apache-2.0
"""`subbyte data get` from a server on loopback to a corpus that loads."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.archives import archive, folder_archive, member
from tests.data.clips import tone_corpus
from tests.data.server import CloseAfter, Site, Status, serving
from toolchain.data.corpus import load_corpus
from toolchain.data.listing import list_corpus
from toolchain.data.new_folder import RECORD
from toolchain.data.official import ARCHIVES, Archive, get_corpus
from toolchain.errors import DataError


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tone_corpus(tmp_path_factory.mktemp("tones") / "tones", per_partition=2)


@pytest.fixture(scope="module")
def packed(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return folder_archive(tmp_path_factory.mktemp("packed") / "tones.tar.gz", tones).read_bytes()


@pytest.fixture
def site(packed: bytes) -> Iterator[Site]:
    with serving(Site(packed)) as running:
        yield running


def of(site: Site) -> Archive:
    return Archive(site.url, hashlib.sha256(site.content).hexdigest())


def test_official_addresses_and_sums_are_well_formed() -> None:
    for version, official in ARCHIVES.items():
        assert official.url.endswith(f"/speech_commands_v{version}.tar.gz") and official.url.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{64}", official.sha256)


def test_from_server_to_samples(site: Site, tones: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpora" / "mine"
    shown: list[str] = []

    def watch(label: str):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        shown.append(label)
        return nullcontext(lambda done, total: None)

    listing = get_corpus(of(site), folder, shown=watch)
    assert shown == ["downloading", "unpacking"]
    assert [clip.path for clip in listing.clips] == [clip.path for clip in list_corpus(tones).clips]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mine"]
    same = load_corpus(folder, cache=tmp_path / "a").sha256 == load_corpus(tones, cache=tmp_path / "b").sha256
    assert same and (folder / RECORD).is_file()


def test_a_second_call_does_nothing_and_another_archive_is_refused(site: Site, tmp_path: Path) -> None:
    get_corpus(of(site), tmp_path / "mine")
    n_requests = len(site.requests)
    get_corpus(of(site), tmp_path / "mine")
    assert len(site.requests) == n_requests
    with pytest.raises(DataError, match=r"mine: holds another corpus \(corpus\.json in it says how it was made\)"):
        get_corpus(ARCHIVES["0.01"], tmp_path / "mine")


def test_a_folder_that_holds_something_else_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(DataError, match="is there already; remove it, or give another folder with -o"):
        get_corpus(of(site), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"] and not site.requests


def test_an_empty_folder_may_be_filled(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert get_corpus(of(site), tmp_path / "mine").clips


def test_the_archive_can_be_kept_and_serves_again(site: Site, tmp_path: Path) -> None:
    get_corpus(of(site), tmp_path / "a", keep_archive=True)
    n_requests = len(site.requests)
    get_corpus(of(site), tmp_path / "b")
    assert len(site.requests) == n_requests


def test_a_broken_download_leaves_no_folder_and_is_resumed(site: Site, tmp_path: Path) -> None:
    site.plan = [CloseAfter(50_000), Status(404)]
    with pytest.raises(DataError, match="not found"):
        get_corpus(of(site), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    get_corpus(of(site), tmp_path / "mine")
    assert site.requests[-1]["Range"] == "bytes=50000-"


def test_a_folder_around_everything_is_taken_off(tones: Path, tmp_path: Path) -> None:
    content = folder_archive(tmp_path / "x.tar.gz", tones, "speech_commands_v9").read_bytes()
    with serving(Site(content)) as site:
        listing = get_corpus(of(site), tmp_path / "mine")
    assert len(listing.clips) == 72 and len(listing.noise) == 2


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("yes/a_nohash_0.wav", b"abc"), member("../x", b"x")], "leads out of the folder"),
        ([member("README.md", b"nothing else")], "holds no folders of words"),
    ],
)
def test_a_bad_archive_leaves_no_folder(tmp_path: Path, members: list, message: str) -> None:
    content = archive(tmp_path / "bad.tar.gz", *members).read_bytes()
    with serving(Site(content)) as site, pytest.raises(DataError, match=message):
        get_corpus(of(site), tmp_path / "new" / "mine")
    left = [path.name for path in (tmp_path / "new").iterdir()]
    assert not any(name.startswith((".", "mine")) for name in left)
