# SPDX-License-Identifier: Apache-2.0
"""The plugin for QEMU that counts blocks, compiled once for this machine and kept in the user's cache.

tools/setup.sh calls `python -m toolchain.device.profile.plugin`; whoever profiles without that builds it then.
"""

import atexit
import hashlib
import platform
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from toolchain.device.host import host_compiler
from toolchain.device.process import run_tool
from toolchain.errors import SubbyteError, ToolError
from toolchain.files import cache_folder, written_aside

SOURCE = Path(__file__).parent / "block_counts.c"
_FLAGS = ("-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden")
_WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
_SECONDS = 120


def plugin_library() -> Path:
    """The compiled plugin, made now if it is not there yet.

    Raises ToolError where this machine has no C compiler, or it fails.
    """
    key = hashlib.sha256(SOURCE.read_bytes() + repr((_FLAGS, sys.platform, platform.machine())).encode()).hexdigest()
    try:
        kept = cache_folder() / f"block_counts-{key[:24]}.so"
    except RuntimeError:  # a user without a home, as containers have
        return temporary_library()
    if not kept.is_file():
        built = temporary_library()
        # Where the home cannot be written, this process keeps its own.
        try:
            with written_aside(kept) as aside:
                shutil.copyfile(built, aside)
        except SubbyteError:
            return built
    return kept


@cache
def temporary_library() -> Path:
    """A build that goes away with this process."""
    folder = Path(tempfile.mkdtemp(prefix="subbyte-plugin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "block_counts.so"
    _compile(library)
    return library


def _compile(output: Path) -> None:
    compiler = host_compiler()
    if compiler is None:
        raise ToolError("no C compiler for this machine (cc, gcc or clang): install one, on Debian: apt install gcc")
    arguments = (compiler.path, *_FLAGS, *_WARNINGS, "-o", str(output), str(SOURCE))
    done = run_tool(arguments, timeout_s=_SECONDS)
    if done.status != 0:
        raise ToolError(f"{compiler.path} cannot compile the profiler's plugin {SOURCE.name}:{done.last_words()}")
