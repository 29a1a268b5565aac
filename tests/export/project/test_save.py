# SPDX-License-Identifier: Apache-2.0
"""save_project: all or none, and never over somebody's work."""

from pathlib import Path

import pytest

from toolchain.errors import SubbyteError
from toolchain.export.project.save import save_project, with_manifest

SOURCES = with_manifest({"app/main.c": "int main(void);\n", "Makefile": "all:\n"}, {"model": "m"})
NEWER = with_manifest({"app/main.c": "int main(void); /* 2 */\n"}, {"model": "m"})


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_files_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    save_project(SOURCES, tmp_path / "deep" / "project")
    assert contents(tmp_path / "deep" / "project") == SOURCES
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["project"]


def test_an_untouched_project_is_replaced_with_its_build(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    save_project(SOURCES, folder)
    (folder / "build" / "app").mkdir(parents=True)
    (folder / "build" / "app" / "main.o").write_text("object")
    save_project(NEWER, folder)
    assert contents(folder) == NEWER
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    save_project(SOURCES, tmp_path)
    assert contents(tmp_path) == SOURCES


@pytest.mark.parametrize("case", ["changed", "added", "added link", "foreign", "foreign manifest", "file", "link"])
def test_somebodys_work_is_refused_and_left_alone(case: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    save_project(SOURCES, folder)
    said = {
        "changed": "app/main.c in it was changed and would be lost",
        "added": "app/mine.c in it is not ours and would be lost",
        "added link": "app/other in it is not ours and would be lost",
        "foreign": "is there already and was not made by `subbyte pack`",
        "foreign manifest": "is there already and was not made by `subbyte pack`",
        "file": "is there already and is no folder",
        "link": "is there already and is no folder",
    }[case]
    match case:
        case "changed":
            (folder / "app/main.c").write_text("int main(void) { return 1; }\n")
        case "added":
            (folder / "app/mine.c").write_text("int mine;\n")
        case "added link":
            (folder / "app/other").symlink_to(tmp_path)
        case "foreign":
            (folder / "subbyte.json").unlink()
        case "foreign manifest":
            (folder / "subbyte.json").write_text("[" * 100_000)
        case "file":
            folder = folder / "Makefile"
        case "link":
            (tmp_path / "link").symlink_to(folder)
            folder = tmp_path / "link"
    before = contents(tmp_path)
    with pytest.raises(SubbyteError, match=said.replace(".", r"\.")):
        save_project(NEWER, folder)
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SubbyteError, match=r"file/project: cannot be written: "):
        save_project(SOURCES, tmp_path / "file" / "project")
