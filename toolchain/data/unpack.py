# SPDX-License-Identifier: Apache-2.0
"""A .tar.gz from somewhere -> files in a folder, and nowhere else.

tarfile only names the members and gives their bytes; the files are created here. So there is nothing to a member but a
checked path and its content: no link, no device, no owner, no mode. An archive with anything else in it is refused as a
whole, as is one that unpacks to more than a speech corpus can be (a bomb). Where this Python has tarfile's own `data`
filter it is asked too.
"""

import gzip
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from toolchain.errors import DataError
from toolchain.progress import Progress, silent


@dataclass(frozen=True)
class Limits:
    """What an archive may hold. Speech Commands v0.02: 105,835 files, 3.8 GB, the longest noise recording 3 MB."""

    n_members: int = 500_000
    member_bytes: int = 1 << 28
    total_bytes: int = 1 << 34
    depth: int = 8


def unpack(archive: Path, folder: Path, *, limits: Limits | None = None, progress: Progress = silent) -> None:
    """Unpack into the empty `folder`. progress counts bytes of the archive.

    Raises DataError naming archive and member: a path that leads out of the folder, a link, a device, a second file of
    the same name, more or larger files than `limits`; no .tar.gz, cut off or damaged. Raises OSError on a full disk.
    The caller removes `folder` then (new_folder does).
    """
    limits = limits or Limits()
    try:
        with archive.open("rb") as packed, gzip.GzipFile(fileobj=packed) as plain:
            stream = _Limited(plain, archive, limits)
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as tar:
                total = archive.stat().st_size
                n_members = 0
                while (member := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all
                    n_members += 1
                    if n_members > limits.n_members:
                        raise DataError(f"{archive}: more than {limits.n_members:,} members; refused")
                    _unpack_member(tar, member, archive, folder, limits)
                    stream.allow_member()
                    progress(packed.tell(), total)
                progress(total, total)
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{archive}: no whole .tar.gz ({error})") from error


class _Limited:
    """Reads on behalf of tarfile, which would take a header of any length into memory."""

    def __init__(self, stream: gzip.GzipFile, archive: Path, limits: Limits) -> None:
        self._stream = stream
        self._archive = archive
        self._limits = limits
        self._total = 0
        self.allow_member()

    def allow_member(self) -> None:
        """Begin the count of the next member."""
        self._left = self._limits.member_bytes + (1 << 20)  # headers and padding

    def read(self, size: int) -> bytes:
        """As a file's. Raises DataError over the limits."""
        content = self._stream.read(size)
        self._left -= len(content)
        self._total += len(content)
        if self._left < 0:
            raise DataError(f"{self._archive}: a member of more than {self._limits.member_bytes:,} bytes; refused")
        if self._total > self._limits.total_bytes:
            raise DataError(f"{self._archive}: unpacks to more than {self._limits.total_bytes:,} bytes; refused")
        return content


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, folder: Path, limits: Limits) -> None:
    relative = _checked_path(member, archive, folder, limits)
    path = folder / relative
    try:
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        content = tar.extractfile(member)
        assert content is not None  # a regular file has content
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as out:
            left = member.size
            while left and (chunk := content.read(min(left, 1 << 20))):
                out.write(chunk)
                left -= len(chunk)
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"{archive}: {member.name!r} is in it twice, or lies inside a file; refused") from error
    if left:
        raise DataError(f"{archive}: ends inside {member.name!r}")


def _checked_path(member: tarfile.TarInfo, archive: Path, folder: Path, limits: Limits) -> PurePosixPath:
    """The member's path inside the folder. Raises DataError where it is no plain file or folder within it."""
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise DataError(f"{archive}: {member.name!r} is no plain file or folder but a link or device; refused")
    path = PurePosixPath(member.name)
    leads_out = path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name
    if not member.name.isprintable():
        raise DataError(f"{archive}: {member.name!r} has characters that cannot be shown; refused")
    if leads_out:
        raise DataError(f"{archive}: {member.name!r} leads out of the folder; refused")
    if len(path.parts) > limits.depth:
        raise DataError(f"{archive}: {member.name!r} is more than {limits.depth} folders deep; refused")
    if member.isreg() and not path.parts:
        raise DataError(f"{archive}: a file without a name; refused")
    judge = getattr(tarfile, "data_filter", None)  # from Python 3.11.4
    if judge is not None:
        judge(member, str(folder))
    return path
