# SPDX-License-Identifier: Apache-2.0
"""The front end compiled for this machine: a shared library in the user's cache, built once per text and flags.

It starts the compiler itself, outside device/: features are needed where no firmware is ever built.
No -march: integer code gives the same bytes either way, and a cache in a shared home then serves every host.
"""

import ctypes
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from toolchain.errors import SubbyteError, ToolError
from toolchain.files import cache_folder, written_aside
from toolchain.frontend.normalisation import Normalisation
from toolchain.frontend.sources import frontend_sources, kernel_folder
from toolchain.frontend.spec import FeatureSpec

FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=default")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wdouble-promotion", "-Werror")
HOST_FILES = ("frontend_host.c", "frontend_host.h")


def host_sources(spec: FeatureSpec, normalisation: Normalisation) -> dict[str, str]:
    """The firmware's sources and the batch loops of the host beside them."""
    sources = frontend_sources(spec, normalisation)
    for name in HOST_FILES:
        sources[f"frontend/{name}"] = (kernel_folder() / "host" / name).read_text(encoding="utf-8")
    return sources


def load_library(spec: FeatureSpec, normalisation: Normalisation) -> ctypes.CDLL:
    """The compiled front end. Raises ToolError where there is no C compiler, or it fails."""
    sources = host_sources(spec, normalisation)
    return _library(tuple(sorted(sources.items())))


@cache
def _library(sources: tuple[tuple[str, str], ...]) -> ctypes.CDLL:
    kept: Path | None
    key = hashlib.sha256(repr((sources, FLAGS, sys.platform, platform.machine())).encode()).hexdigest()
    name = f"frontend-{key[:24]}.so"
    try:
        kept = cache_folder() / name
        if kept.is_file() and (library := _opened(kept)):
            return library
    except RuntimeError:  # a user without a home, as containers have
        kept = None
    with tempfile.TemporaryDirectory(prefix="subbyte-") as folder:
        built = _compiled(dict(sources), Path(folder), name)
        library = _opened(built)
        if library is None:
            raise ToolError(f"{built}: the front end was compiled but cannot be loaded: is cc a cross compiler?")
        if kept is not None:
            # Where the home cannot be written, the next process builds again.
            with suppress(SubbyteError), written_aside(kept) as aside:
                shutil.copyfile(built, aside)
    return library


def _opened(path: Path) -> ctypes.CDLL | None:
    """The library, or None where the file is none for this machine (a full disk once cut it short)."""
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _compiled(sources: dict[str, str], folder: Path, name: str) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise ToolError(
            "no C compiler (cc) on this machine; features are computed by the C code that runs on the board. "
            "Install one: sudo apt-get install gcc libc6-dev"
        )
    for file, text in sources.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    units = [str(folder / file) for file in sorted(sources) if file.endswith(".c")]
    output = folder / name
    run = subprocess.run([compiler, *FLAGS, *WARNINGS, "-o", str(output), *units], capture_output=True, text=True)
    if run.returncode:
        reason = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr.strip()[:300])
        raise ToolError(
            f"{compiler} cannot compile the front end: {reason.replace(str(folder) + '/', '')}. "
            f"If headers are missing: sudo apt-get install gcc libc6-dev"
        )
    return output
