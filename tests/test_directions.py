# SPDX-License-Identifier: Apache-2.0
"""Who imports whom, and where a library is at home: ARCHITECTURE.md's drawing, held against every import statement."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What stands beside the folders, which everybody may import.
SPINE = frozenset({"__version__", "assets", "core", "errors", "files", "measure", "progress", "toml_files"})

# Folder -> the folders that it may import beside the spine and itself.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "boards": frozenset(),
    "data": frozenset(),
    "frontend": frozenset(),
    "graph": frozenset(),
    "arch": frozenset({"graph"}),
    "nets": frozenset({"arch", "data", "frontend", "graph"}),
    "export": frozenset({"boards", "frontend", "graph"}),
    "device": frozenset({"boards", "export", "graph"}),
    "budget": frozenset({"boards", "device", "export", "graph"}),
    "bits": frozenset({"arch", "boards", "device", "export", "graph"}),
    "verify": frozenset({"boards", "data", "device", "export", "frontend", "graph"}),
    "widths": frozenset({"arch", "bits", "boards", "device", "export", "graph", "verify"}),
    "detect": frozenset({"data", "device", "frontend", "graph"}),
    "bench": frozenset({"arch", "boards", "device", "export", "graph", "verify"}),
    "report": frozenset({"arch", "bench", "bits", "budget", "detect", "device", "export", "graph", "verify", "widths"}),
}
# The command line imports what it likes, and nothing imports it.
COMMAND_LINE = "cli"

# Library -> where alone it is imported: a folder, or a file.
HOMES: dict[str, tuple[str, ...]] = {
    "torch": ("nets/",),
    "subprocess": ("device/", "frontend/build.py", "data/espeak.py"),
    "onnx": ("graph/onnx_in/", "nets/onnx_out/", "verify/judges/", "cli/export.py"),
    "onnxruntime": ("verify/judges/",),
    "tensorflow": ("verify/judges/",),
    "tflite_micro": ("verify/judges/",),
    "ai_edge_litert": ("graph/tflite_in/", "export/tflite/", "verify/judges/"),
    "flatbuffers": ("export/tflite/",),
    "jinja2": ("export/templates.py", "report/"),
    "elftools": ("device/",),
}

FILES = sorted((ROOT / "toolchain").rglob("*.py"))


def _imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of all imports, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "toolchain")


def _wrong(file: str, imported: str) -> bool:
    """Whether `file` (a path below toolchain/) must not import that name."""
    library, _, rest = imported.partition(".")
    if library != "toolchain":
        return library in HOMES and not file.startswith(HOMES[library])
    own, other = file.split("/")[0].removesuffix(".py"), rest.split(".")[0]
    if own == COMMAND_LINE or other in {"", own} or other in SPINE:
        return False
    return other not in MAY_IMPORT.get(own, frozenset())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_imports_only_what_its_folder_may(file: Path) -> None:
    below = file.relative_to(ROOT / "toolchain").as_posix()
    wrong = [name for name in _imported(ast.parse(file.read_text(encoding="utf-8"))) if _wrong(below, name)]
    assert not wrong, f"toolchain/{below} imports {', '.join(wrong)}; the table is in {Path(__file__).name}"


def test_every_folder_has_its_row() -> None:
    folders = {path.name for path in (ROOT / "toolchain").iterdir() if (path / "__init__.py").is_file()}
    assert folders == {*MAY_IMPORT, COMMAND_LINE}


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("graph/planner.py", "toolchain.export.c"),
        ("device/build.py", "toolchain.report.table"),
        ("report/table.py", "toolchain.cli"),
        ("graph/graph.py", "torch"),
        ("report/table.py", "subprocess"),
        ("export/c/generate.py", "jinja2"),
    ],
)
def test_a_wrong_import_is_seen(file: str, imported: str) -> None:
    assert _wrong(file, imported)
