# SPDX-License-Identifier: Apache-2.0
"""The stand-in for TFLite Micro's library (tests/export/project/tflm_stand_in.cc), compiled for a board."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from tests.projects import tiny_graph
from toolchain.boards import Board
from toolchain.export.project import c_runtime

_EXPORT = Path(__file__).parent / "export"


@dataclass(frozen=True)
class Library:
    """archive: libtflm.a. headers: the folder with what the generated C++ includes."""

    archive: Path
    headers: Path

    @property
    def make_variables(self) -> tuple[str, str]:
        """As a project's make takes them."""
        return f"TFLM_LIB={self.archive}", f"TFLM_INCLUDE={self.headers}"


def stand_in_library(board: Board, folder: Path) -> Library:
    """The library for `board`, made in `folder`; it runs tests.projects.tiny_graph by Subbyte's own C."""
    headers = _EXPORT / "tflm" / "headers"
    sources = c_runtime(replace(tiny_graph(), name="standin"), board).sources
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    flags = [*board.core.gcc_flags, "-O2", f"-I{folder}"]
    c_files = [str(folder / name) for name in sources if name.endswith(".c")]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-std=c11", "-c", *c_files], cwd=folder, check=True)
    cxx = [*flags, "-std=c++17", "-fno-rtti", "-fno-exceptions", "-DTF_LITE_STATIC_MEMORY", f"-I{headers}"]
    source = str(_EXPORT / "project" / "tflm_stand_in.cc")
    subprocess.run(["arm-none-eabi-g++", *cxx, "-c", source], cwd=folder, check=True)
    objects = sorted(str(path) for path in folder.glob("*.o"))
    subprocess.run(["arm-none-eabi-ar", "rcs", "libtflm.a", *objects], cwd=folder, check=True)
    return Library(folder / "libtflm.a", headers)
