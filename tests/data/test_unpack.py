# SPDX-License-Identifier: Apache-2.0
"""Unpacking: what is in an archive lands in the folder, or the archive is refused."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from tests.data.archives import archive, member
from toolchain.data.unpack import Limits, unpack
from toolchain.errors import DataError

GOOD = [
    member("./", kind=tarfile.DIRTYPE),
    member("./yes", kind=tarfile.DIRTYPE),
    member("./yes/a_nohash_0.wav", b"abc"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "outer" / "target"
    target.mkdir(parents=True)
    return target


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_and_folders_arrive(tmp_path: Path, folder: Path) -> None:
    counts: list[tuple[int, int | None]] = []
    packed = archive(tmp_path / "a.tar.gz", *GOOD, member("README.md", b"read"), member("deep/er/x.wav", b"x" * 5000))
    unpack(packed, folder, progress=lambda done, total: counts.append((done, total)))
    assert tree(folder) == {"yes/a_nohash_0.wav": b"abc", "README.md": b"read", "deep/er/x.wav": b"x" * 5000}
    assert counts[-1] == (packed.stat().st_size,) * 2


def test_modes_and_owners_of_the_archive_are_not_taken_over(tmp_path: Path, folder: Path) -> None:
    info, content = member("run.sh", b"#!/bin/sh\n")
    info.mode = 0o6777
    unpack(archive(tmp_path / "a.tar.gz", (info, content)), folder)
    assert not (folder / "run.sh").stat().st_mode & 0o7111


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (member("../escaped.txt", b"x"), "leads out of the folder"),
        (member("yes/../../escaped.txt", b"x"), "leads out of the folder"),
        (member("/nowhere-subbyte/escaped.txt", b"x"), "leads out of the folder"),
        (member("C:escaped.txt", b"x"), "leads out of the folder"),
        (member("..\\escaped.txt", b"x"), "leads out of the folder"),
        (member("new\nline.txt", b"x"), "characters that cannot be shown"),
        (member("link", kind=tarfile.SYMTYPE, link="/etc/passwd"), "no plain file or folder but a link or device"),
        (member("link", kind=tarfile.SYMTYPE, link="yes/a_nohash_0.wav"), "a link or device"),
        (member("hard", kind=tarfile.LNKTYPE, link="yes/a_nohash_0.wav"), "a link or device"),
        (member("fifo", kind=tarfile.FIFOTYPE), "a link or device"),
        (member("null", kind=tarfile.CHRTYPE), "a link or device"),
        (member("disk", kind=tarfile.BLKTYPE), "a link or device"),
        (member("./", b"x"), "without a name"),
        (member("yes/a_nohash_0.wav", b"other"), "is in it twice"),
        (member("yes/a_nohash_0.wav/inner", b"other"), "lies inside a file"),
        (member("a/b/c/d/e/f/g/h/i.wav", b"x"), "more than 8 folders deep"),
    ],
)
def test_a_hostile_member_is_refused(
    tmp_path: Path, folder: Path, hostile: tuple[tarfile.TarInfo, bytes], reason: str
) -> None:
    packed = archive(tmp_path / "a.tar.gz", *GOOD, hostile)
    with pytest.raises(DataError, match=reason) as caught:
        unpack(packed, folder)
    assert str(caught.value).startswith(f"{packed}: ")
    outside = {path for path in tmp_path.rglob("*") if not path.is_relative_to(folder)}
    assert outside == {packed, folder.parent}
    assert not Path("/nowhere-subbyte").exists()


def test_a_link_cannot_be_followed_out(tmp_path: Path, folder: Path) -> None:
    out = member("out", kind=tarfile.SYMTYPE, link="..")
    with pytest.raises(DataError, match="a link or device"):
        unpack(archive(tmp_path / "a.tar.gz", out, member("out/escaped.txt", b"x")), folder)
    assert not (folder.parent / "escaped.txt").exists()


def test_a_sparse_file_is_refused(tmp_path: Path, folder: Path) -> None:
    """A few bytes of archive that stand for a terabyte of zeros: GNU's old sparse header."""
    header = bytearray(tarfile.TarInfo("big.wav").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[483:495] = b"77777777777\0"
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(bytes(header) + bytes(1024)))
    with pytest.raises(DataError, match="no plain file"):
        unpack(packed, folder)


def test_too_many_members(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path / "a.tar.gz", *(member(f"f{i}", b"") for i in range(11)))
    with pytest.raises(DataError, match="more than 10 members; refused"):
        unpack(packed, folder, limits=Limits(n_members=10))


def test_a_member_that_is_too_large(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path / "a.tar.gz", member("zeros.wav", bytes(3 << 20)))
    with pytest.raises(DataError, match="a member of more than 1,000 bytes; refused"):
        unpack(packed, folder, limits=Limits(member_bytes=1000))


def test_a_bomb_of_many_members(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path / "a.tar.gz", *(member(f"f{i}", bytes(1 << 20)) for i in range(8)))
    assert packed.stat().st_size < 50_000
    with pytest.raises(DataError, match="unpacks to more than 5,000,000 bytes; refused"):
        unpack(packed, folder, limits=Limits(total_bytes=5_000_000))


def test_a_header_of_any_length_is_not_taken_into_memory(tmp_path: Path, folder: Path) -> None:
    long_name = member("x", b"", kind=tarfile.GNUTYPE_LONGNAME)[0]
    long_name.size = 1 << 28
    header = long_name.tobuf(tarfile.GNU_FORMAT)
    packed = tmp_path / "a.tar.gz"
    with gzip.open(packed, "wb", compresslevel=1) as out:
        out.write(header)
        for _ in range(4):
            out.write(b"a" * (1 << 20))
    with pytest.raises(DataError, match="a member of more than 1,000,000 bytes"):
        unpack(packed, folder, limits=Limits(member_bytes=1_000_000))


@pytest.mark.parametrize("keep", [0, 5, 0.3, 0.9])
def test_an_archive_that_is_cut_off(tmp_path: Path, folder: Path, keep: float) -> None:
    content = archive(tmp_path / "a.tar.gz", *GOOD, member("big", bytes(range(256)) * 2000)).read_bytes()
    packed = tmp_path / "b.tar.gz"
    packed.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(DataError, match=r"no whole \.tar\.gz|ends inside"):
        unpack(packed, folder)


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", gzip.compress(b"no tar at all" * 100)], ids=["html", "gzip"]
)
def test_what_is_no_archive(tmp_path: Path, folder: Path, content: bytes) -> None:
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tar\.gz: no whole \.tar\.gz"):
        unpack(packed, folder)


def test_a_damaged_archive(tmp_path: Path, folder: Path) -> None:
    content = bytearray(archive(tmp_path / "a.tar.gz", *GOOD, member("x", bytes(range(256)) * 400)).read_bytes())
    content[len(content) // 2] ^= 0xFF
    packed = tmp_path / "b.tar.gz"
    packed.write_bytes(content)
    with pytest.raises(DataError, match=r"no whole \.tar\.gz|ends inside|refused"):
        unpack(packed, folder)


def test_python_without_the_data_filter_refuses_the_same(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    unpack(archive(tmp_path / "good.tar.gz", *GOOD), folder)
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(archive(tmp_path / "bad.tar.gz", member("../x", b"x")), folder)


def test_a_plain_tar_is_told_apart(tmp_path: Path, folder: Path) -> None:
    packed = tmp_path / "a.tar.gz"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info, content = member("x", b"abc")
        tar.addfile(info, io.BytesIO(content))
    packed.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="no whole"):
        unpack(packed, folder)
