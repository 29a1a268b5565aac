# SPDX-License-Identifier: Apache-2.0
"""Reading TOML files that people write: whatever is in them, a table or one clear error."""

import tomllib
from pathlib import Path
from typing import Any

from toolchain.errors import SubbyteError

# Far more than anybody writes by hand, and read in no time.
MAX_FILE_BYTES = 1 << 20


def read_toml(path: Path, what: str, error: type[SubbyteError]) -> dict[str, Any]:
    """The file's table. what: it is expected to be, such as `board file`.

    Raises `error`, naming the file: it cannot be read, is larger than anybody writes, no text, no TOML, or nested so
    deeply that nobody wrote it.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise error(f"{path}: larger than {MAX_FILE_BYTES} bytes; this is no {what}")
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as found:
        raise error(f"{path}: cannot be read: {found.strerror or found}") from found
    except UnicodeDecodeError as found:
        raise error(f"{path}: is not UTF-8 text; this is no {what}") from found
    except ValueError as found:  # also of a number of more digits than Python reads
        raise error(f"{path}: is not TOML: {found}") from found
    except RecursionError as found:
        raise error(f"{path}: is nested too deeply; this is no {what}") from found
