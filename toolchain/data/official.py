# SPDX-License-Identifier: Apache-2.0
"""The official Speech Commands archives, and how one becomes a corpus folder.

download   -> <folder's parent>/speech_commands_v0.01.tar.gz     (goes on where it broke off)
checksum   -> or nothing is unpacked
unpack     -> a folder beside, which must be a corpus
rename     -> <folder>: there as a whole or not at all
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from toolchain.data.download import download
from toolchain.data.listing import Listing, list_corpus
from toolchain.data.new_folder import is_made, new_folder
from toolchain.data.unpack import unpack
from toolchain.errors import DataError
from toolchain.progress import Progress, silent

_SERVER = "https://storage.googleapis.com/download.tensorflow.org/data/"


@dataclass(frozen=True)
class Archive:
    """A .tar.gz to fetch; sha256 in hexadecimal."""

    url: str
    sha256: str


# Source of URLs and sums: _CHECKSUMS in torchaudio's datasets/speechcommands.py (release 2.x); for 0.02 the same sum
# stands in TensorFlow Datasets, url_checksums/speech_commands.txt (2,428,923,189 bytes).
ARCHIVES = {
    "0.01": Archive(
        _SERVER + "speech_commands_v0.01.tar.gz", "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"
    ),
    "0.02": Archive(
        _SERVER + "speech_commands_v0.02.tar.gz", "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
    ),
}

ShownStep = Callable[[str], AbstractContextManager[Progress]]


def unseen(label: str) -> AbstractContextManager[Progress]:
    """The step `label` shows no progress."""
    return nullcontext(silent)


def get_corpus(archive: Archive, folder: Path, *, keep_archive: bool = False, shown: ShownStep = unseen) -> Listing:
    """Download, check and unpack `archive` into `folder`. What this made before is left as it is.

    shown(label) gives a step's Progress, in bytes. Raises DataError where the folder holds something else, where the
    archive holds no corpus, and what `download` and `unpack` raise; `folder` is untouched then, and a whole or partial
    download is kept for the next call.
    """
    request = {"made_by": "subbyte data get", "url": archive.url, "sha256": archive.sha256}
    if is_made(folder, request):
        return list_corpus(folder)
    file = folder.parent / f"speech_commands-{archive.sha256[:16]}.tar.gz"
    with shown("downloading") as progress:
        download(archive.url, file, archive.sha256, progress=progress)
    with new_folder(folder, request) as aside:
        with shown("unpacking") as progress:
            unpack(file, aside, progress=progress)
        _unwrap(aside)
        if not any(aside.glob("[!._]*/*")):
            raise DataError(f"{archive.url}: holds no folders of words; it is no corpus in Speech Commands layout")
    if not keep_archive:
        file.unlink()
    return list_corpus(folder)


def _unwrap(folder: Path) -> None:
    """Undo a folder around everything, as many archives have one."""
    inside = list(folder.iterdir())
    if len(inside) != 1 or not inside[0].is_dir() or not any(child.is_dir() for child in inside[0].iterdir()):
        return
    wrapping = inside[0].rename(folder / ".wrapping")
    for child in list(wrapping.iterdir()):
        child.rename(folder / child.name)
    wrapping.rmdir()
