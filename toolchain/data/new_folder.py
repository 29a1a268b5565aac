# SPDX-License-Identifier: Apache-2.0
"""A folder that appears as a whole or not at all: filled beside its place, then renamed.

What toolchain/files.py is for a file. Also the record `corpus.json` of how a corpus was made, by which a repeated
command knows its own work.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from toolchain.errors import DataError
from toolchain.files import write_text

RECORD = "corpus.json"


def is_made(folder: Path, request: Mapping[str, object]) -> bool:
    """Whether `folder` holds what `request` asks for, made before. False where it is absent or empty.

    Raises DataError where something else is in it.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict) and found.get("request") == json.loads(json.dumps(request)):
        return True
    what = f"holds another corpus ({RECORD} in it says how it was made)" if found else "is there already"
    raise DataError(f"{folder}: {what}; remove it, or give another folder with -o")


@contextmanager
def new_folder(folder: Path, request: Mapping[str, object], **more: object) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on success a record is written in it and it takes `folder`'s place.

    request: what is_made compares. more: further entries of the record, for the reader.
    Raises DataError where files cannot be written or renamed; nothing is left behind then.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise DataError(f"{folder}: cannot be made: {error.strerror or error}") from error
    try:
        yield aside
        write_text(aside / RECORD, json.dumps({"request": request, **more}, indent=2) + "\n")
        aside.chmod(0o755)
        aside.replace(folder)  # an empty folder may be replaced
    except OSError as error:
        raise DataError(f"{folder}: cannot be filled: {error.strerror or error}; nothing was left there") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
