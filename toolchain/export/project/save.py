# SPDX-License-Identifier: Apache-2.0
"""save_project: a project's files into a folder, all or none, and never over somebody's work.

The files are written into a neighbour folder that is then renamed. A folder that exists is replaced only if it is a
project of ours in which nothing was changed or added: its manifest, `subbyte.json`, lists every file with its hash.
What a build made (`build/`) is nobody's work and goes.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolchain.errors import SubbyteError

MANIFEST = "subbyte.json"
_BUILD = "build"
_FORMAT = 1


def with_manifest(sources: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """`sources` and their manifest: `facts` (what was made for what), and every file with its SHA-256."""
    hashes = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(sources.items())}
    manifest = {"made_by": "subbyte pack", "format": _FORMAT, **facts, "files": hashes}
    return {**sources, MANIFEST: json.dumps(manifest, indent=2) + "\n"}


def save_project(sources: Mapping[str, str], folder: Path) -> None:
    """Write `sources` (with_manifest) as `folder`.

    Raises SubbyteError where the folder holds anything that a project of ours, untouched, does not, or where it cannot
    be written; what was there is still there then.
    """
    folder = folder.absolute()
    _check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise SubbyteError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        for path, text in sources.items():
            (aside / "new" / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / "new" / path).write_text(text, encoding="utf-8", newline="\n")
        if folder.exists():
            folder.rename(aside / "old")
        (aside / "new").rename(folder)
    except OSError as error:
        if (aside / "old").exists() and not folder.exists():
            (aside / "old").rename(folder)
        raise SubbyteError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_replaceable(folder: Path) -> None:
    if not folder.exists() and not folder.is_symlink():
        return
    advice = "; choose another folder, or move this one away"
    if folder.is_symlink() or not folder.is_dir():
        raise SubbyteError(f"{folder}: is there already and is no folder{advice}")
    if not any(folder.iterdir()):
        return
    hashes = _manifest_files(folder / MANIFEST)
    if hashes is None:
        raise SubbyteError(f"{folder}: is there already and was not made by `subbyte pack`{advice}")
    for path in sorted(_files_in(folder)):
        name = path.relative_to(folder).as_posix()
        if name == MANIFEST:
            continue
        if name not in hashes:
            raise SubbyteError(f"{folder}: {name} in it is not ours and would be lost{advice}")
        if path.is_symlink() or hashlib.sha256(path.read_bytes()).hexdigest() != hashes[name]:
            raise SubbyteError(f"{folder}: {name} in it was changed and would be lost{advice}")


def _files_in(folder: Path) -> list[Path]:
    """Every file below `folder`, except what a build made."""
    found = []
    for parent, folders, files in os.walk(folder):
        if Path(parent) == folder and _BUILD in folders:
            folders.remove(_BUILD)
        found += [Path(parent) / name for name in files]
        found += [Path(parent) / name for name in folders if (Path(parent) / name).is_symlink()]
    return found


def _manifest_files(path: Path) -> dict[str, str] | None:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(manifest, dict) or manifest.get("made_by") != "subbyte pack":
        return None
    files = manifest.get("files")
    return files if isinstance(files, dict) else None
