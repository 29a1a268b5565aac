# SPDX-License-Identifier: Apache-2.0
"""Writing files so that a killed process or a full disk leaves the old file or the new one, never half.

The text goes to a neighbour file first, is flushed to disk and then renamed (atomic on one file system).
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.errors import SubbyteError


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is renamed to `path`, on failure removed.

    Raises SubbyteError, naming `path`, where the folder cannot be written (full disk, no permission), and where
    something other than a file would be replaced: renaming over /dev/null takes the device away.
    """
    if path.exists() and not path.is_file():
        raise SubbyteError(f"{path}: is {'a folder' if path.is_dir() else 'no regular file'}; name a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise SubbyteError(f"{path}: cannot be written: {error.strerror or error}") from error
    aside = Path(name)
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)
        aside.replace(path)
    except OSError as error:
        raise SubbyteError(
            f"{path}: cannot be written: {error.strerror or error}; the file that was there is unchanged"
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, atomically."""
    with written_aside(path) as aside:
        aside.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8 with Unix line ends, atomically."""
    write_bytes(path, content.encode("utf-8"))


@contextmanager
def temporary_files() -> Iterator[None]:
    """Around work in temporary folders, or as a decorator: a full disk becomes a SubbyteError that names the place."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SubbyteError(
            f"{tempfile.gettempdir()}: temporary files cannot be written: {error.strerror}; make room, or name another "
            "folder in TMPDIR"
        ) from error


def cache_folder() -> Path:
    """Where things that can be made again are kept: $XDG_CACHE_HOME/subbyte, or ~/.cache/subbyte. Not created here.

    Source: XDG Base Directory Specification 0.8; a relative $XDG_CACHE_HOME is to be ignored.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "subbyte"
