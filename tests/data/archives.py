# SPDX-License-Identifier: Apache-2.0
"""Archives built member by member, honest and hostile."""

import io
import tarfile
from pathlib import Path


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """A member that need not be one that tarfile would make."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(content)
    return info, content


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    """Write a .tar.gz of these members."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def folder_archive(path: Path, folder: Path, prefix: str = ".") -> Path:
    """A .tar.gz of a folder's content, as the official one is made."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(folder, prefix)
    return path
