# SPDX-License-Identifier: Apache-2.0
"""Firmware for every board: it links, its sizes are those that were known before, and what does not fit says so."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.graphs import GraphBuilder
from tests.projects import audio_front_end, audio_graph, board_like, tiny_project, write_sources
from toolchain.boards import MemoryKind, board_ids, load_board
from toolchain.device.build import DoesNotFitError, Shortfall, build_firmware, build_folder, check_estimate
from toolchain.device.linked import read_linked
from toolchain.errors import ToolError
from toolchain.export.project import c_runtime, make_project
from toolchain.measure import How

pytestmark = [
    pytest.mark.arm,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
]

# What the C library and GCC's own may bring in.
LIBRARY = {
    "memcpy",
    "memset",
    "__aeabi_memcpy",
    "__aeabi_memset",
    "__aeabi_ldivmod",
    "__aeabi_uldivmod",
    "__udivmoddi4",
    # on cores that have no instruction for it
    "__aeabi_lmul",
    "__muldi3",
    "__aeabi_idiv",
    "__aeabi_idivmod",
    "__aeabi_uidiv",
    "__aeabi_uidivmod",
    "__divsi3",
    "__udivsi3",
    ".divsi3_skip_div0_test",
    ".udivsi3_skip_div0_test",
    "__aeabi_idiv0",
    "__aeabi_ldiv0",
}


def defined(elf: Path) -> set[str]:
    listed = subprocess.run(["arm-none-eabi-nm", "--defined-only", elf], check=True, capture_output=True, text=True)
    return {line.split()[2] for line in listed.stdout.splitlines() if line.split()[1] in "TtWwDdBb"}


def in_project(folder: Path) -> set[str]:
    """Every global or static function and variable that an object file of the project defines."""
    objects = [str(path) for path in (folder / "build" / "firmware").rglob("*.o")]
    listed = subprocess.run(
        ["arm-none-eabi-nm", "--defined-only", *objects], check=True, capture_output=True, text=True
    )
    return {line.split()[2] for line in listed.stdout.splitlines() if len(line.split()) == 3}


@pytest.mark.parametrize("name", board_ids())
def test_every_board_links_and_its_sizes_were_known(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    project = tiny_project(board)
    build = build_firmware(project, tmp_path)
    sizes = build.sizes

    assert sizes.weights == project.runtime.constant_bytes
    assert sizes.arena == project.runtime.arena_bytes
    assert sizes.stack == board.limits.stack_bytes
    assert sum(part.code_bytes for part in sizes.contributions) == sizes.code
    assert 0 <= sizes.constants + sizes.weights - sum(part.constant_bytes for part in sizes.contributions) < 64
    for kind, total in ((MemoryKind.FLASH, sizes.flash), (MemoryKind.RAM, sizes.ram)):
        assert sum(region.used_bytes for region in sizes.regions if region.kind is kind) == total

    foreign = defined(build.elf) - in_project(tmp_path) - LIBRARY
    assert {symbol for symbol in foreign if not symbol.startswith("linked_")} == set()
    assert build.stack is not None and build.stack.path[:3] == ("start", "main", "tiny_run")
    assert build.stack.n_bytes < board.limits.stack_bytes / 2


def test_initial_values_take_flash_and_ram(tmp_path: Path) -> None:
    project = tiny_project(load_board("nucleo-f446re"))
    plain = build_firmware(project, tmp_path)
    text = (tmp_path / "app/main.c").read_text()
    more = text.replace(
        "int main(void)\n{\n",
        "static volatile int32_t table[5] = {1, 2, 3, 4, 5};\n\nint main(void)\n{\n  table[0]++;\n",
    )
    (tmp_path / "app/main.c").write_text(more)
    sizes = build_folder(project, tmp_path).sizes
    assert sizes.initial_values == 20
    assert sizes.ram == plain.sizes.ram + 20
    assert sizes.flash == sizes.code + sizes.constants + sizes.weights + 20
    assert [region.used_bytes for region in sizes.regions] == [sizes.flash, sizes.ram]


def test_the_same_project_links_to_the_same_bytes_in_any_folder(tmp_path: Path) -> None:
    project = tiny_project(load_board("mps2-an386"))
    first = build_firmware(project, tmp_path / "here").elf.read_bytes()
    assert build_firmware(project, tmp_path / "somewhere" / "else").elf.read_bytes() == first
    assert str(tmp_path).encode() not in first


@pytest.mark.parametrize("name", ["mps3-an547", "nucleo-f446re"])
@pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake")
def test_cmake_builds_the_same_firmware(name: str, tmp_path: Path) -> None:
    project = tiny_project(load_board(name))
    folder = write_sources(project, tmp_path / "a folder")
    toolchain = "-DCMAKE_TOOLCHAIN_FILE=arm-none-eabi-gcc.cmake"
    for command in (["cmake", "-S", ".", "-B", "build/cmake", toolchain], ["cmake", "--build", "build/cmake", "-j2"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    build = folder / "build" / "cmake"
    by_cmake = read_linked(build / "firmware.elf", build / "firmware.map", project.board, "tiny_arena")
    by_make = build_folder(project, folder).sizes
    assert (by_cmake.weights, by_cmake.arena, by_cmake.flash) == (by_make.weights, by_make.arena, by_make.flash)
    assert by_cmake.contributions == by_make.contributions


def test_a_network_too_large_for_its_memory_is_refused_before_compiling(tmp_path: Path) -> None:
    small = board_like(
        tmp_path,
        ('bytes = 4_194_304\nkind = "ram"', 'bytes = 4_096\nkind = "ram"'),
        ("\nram_bytes = 4_194_304", "\nram_bytes = 4_096"),
    )
    graph = GraphBuilder("wide", (1, 60, 60, 4), seed=1).conv2d(8, (3, 3)).graph()
    project = make_project(graph, small, c_runtime(graph, small))
    with pytest.raises(
        DoesNotFitError, match=r"wide does not fit changed: the network's arena and the stack of 2,048 take.* too"
    ) as caught:
        check_estimate(project)
    needed = project.runtime.arena_bytes + small.limits.stack_bytes
    assert caught.value.shortfalls == (Shortfall("ram_bytes", "sram", needed, 4096, How.ESTIMATED),)
    assert f"{needed - 4096:,} too many" in str(caught.value)


def test_a_region_that_overflows_is_told_in_our_words(tmp_path: Path) -> None:
    small = board_like(
        tmp_path,
        ('bytes = 4_194_304\nkind = "flash"', 'bytes = 4_096\nkind = "flash"'),
        ("\nflash_bytes = 4_194_304", "\nflash_bytes = 4_096"),
    )
    with pytest.raises(
        DoesNotFitError, match=r"tiny does not fit changed: flash has 4,096 bytes, [\d,]+ are needed"
    ) as caught:
        build_firmware(tiny_project(small), tmp_path / "project")
    (shortfall,) = caught.value.shortfalls
    needed = build_firmware(tiny_project(load_board("mps2-an386")), tmp_path / "large").sizes.flash
    assert abs(shortfall.needed - needed) < 64
    assert "\n" not in str(caught.value)


def test_a_board_may_allow_less_than_it_has(tmp_path: Path) -> None:
    strict = board_like(tmp_path, ("\nflash_bytes = 4_194_304", "\nflash_bytes = 5_000"))
    with pytest.raises(
        DoesNotFitError, match=r"takes [\d,]+ bytes of flash, changed allows 5,000 \(limits\)"
    ) as caught:
        build_firmware(tiny_project(strict), tmp_path / "project")
    assert caught.value.build is not None
    assert caught.value.shortfalls[0].needed == caught.value.build.sizes.flash


def test_the_front_end_is_a_part_of_its_own(tmp_path: Path) -> None:
    front_end, board = audio_front_end(centred=False), load_board("nrf52840-dk")
    graph = audio_graph(front_end)
    build = build_firmware(make_project(graph, board, c_runtime(graph, board), front_end), tmp_path)
    parts = {part.part: part for part in build.sizes.contributions}
    assert parts["frontend"].code_bytes > 1000 and parts["frontend"].ram_bytes > 2000
    assert build.stack is not None


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    project = tiny_project(load_board("mps2-an386"))
    broken = replace(
        project, runtime=replace(project.runtime, sources={**project.runtime.sources, "model/x.c": "int\n"})
    )
    with pytest.raises(ToolError, match=r"building the firmware for mps2-an386 failed:\n(.|\n)*model/x\.c"):
        build_firmware(broken, tmp_path)


def test_a_missing_compiler_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="arm-none-eabi-gcc is not installed: apt install gcc-arm-none-eabi"):
        build_firmware(tiny_project(load_board("mps2-an386")), tmp_path / "project")


def test_a_file_that_is_no_firmware_is_refused(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    (tmp_path / "map").write_text("no map")
    for content in (b"", b"\x7fELF", b"text"):
        (tmp_path / "elf").write_bytes(content)
        with pytest.raises(ToolError, match="elf: cannot be read as a firmware"):
            read_linked(tmp_path / "elf", tmp_path / "map", board, "arena")
    with pytest.raises(ToolError, match=r"gone: cannot be read as a firmware: .*No such file"):
        read_linked(tmp_path / "gone", tmp_path / "map", board, "arena")


def test_two_networks_share_one_firmware_and_one_folder_of_kernels(tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    graphs = (
        GraphBuilder("first", (1, 6, 6, 2), seed=1).conv2d(8, (3, 3)).graph(),
        GraphBuilder("second", (1, 6, 6, 2), seed=2).conv2d(4, (1, 1)).conv2d(4, (3, 3)).graph(),
    )
    merged: dict[str, str] = {}
    for graph in graphs:
        sources = c_runtime(graph, board).sources
        for name, text in sources.items():
            path = name.replace("model/", f"{graph.name}/", 1)
            assert merged.setdefault(path, text) == text, f"{path} differs between networks"
    merged["main.c"] = (
        '#include "first/model.h"\n#include "second/model.h"\n'
        "int main(void) { first_run(); second_run(); return first_output() == second_output(); }\n"
    )
    for name, text in merged.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    files = sorted(name for name in merged if name.endswith(".c"))
    flags = (
        "-mcpu=cortex-m4",
        "-mthumb",
        "-mfloat-abi=hard",
        "-mfpu=fpv4-sp-d16",
        "-std=c11",
        "-Wall",
        "-Werror",
        "-I.",
    )
    link = ("--specs=nosys.specs", "-Wl,--no-warn-rwx-segments")
    subprocess.run(["arm-none-eabi-gcc", *flags, *files, *link, "-o", "both.elf"], cwd=tmp_path, check=True)
