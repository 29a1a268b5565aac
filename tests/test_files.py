# SPDX-License-Identifier: Apache-2.0
"""Files are written aside and renamed, but only over files."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from toolchain.errors import SubbyteError
from toolchain.files import temporary_files, write_text


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.md"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two" and list(path.parent.iterdir()) == [path]


def test_a_folder_and_a_pipe_stay_what_they_are(tmp_path: Path) -> None:
    """As root, renaming over /dev/null would take the device from everybody."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, said in (("pipe", "is no regular file"), ("folder", "is a folder")):
        with pytest.raises(SubbyteError, match=rf"{name}: {said}; name a file to write"):
            write_text(tmp_path / name, "text")
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "folder").is_dir()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_below_temporary_files_names_their_place() -> None:
    @temporary_files()
    def work(number: int) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(SubbyteError) as refused:
        work(errno.ENOSPC)
    assert str(refused.value) == (
        f"{tempfile.gettempdir()}: temporary files cannot be written: No space left on device; make room, or name "
        "another folder in TMPDIR"
    )
    with pytest.raises(PermissionError):
        work(errno.EACCES)
