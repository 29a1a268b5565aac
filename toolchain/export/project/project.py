# SPDX-License-Identifier: Apache-2.0
"""project_sources: a firmware project that builds by itself, as path -> text. Same model and board, same bytes.

model/ kernels/   the runtime                    app/        the self-test (or the application of verify and eval)
frontend/         sound to features              platform/   everything that knows the board
Makefile  CMakeLists.txt  arm-none-eabi-gcc.cmake  README.md
"""

from dataclasses import dataclass
from enum import Enum

from toolchain.assets import asset_folder
from toolchain.boards import Board
from toolchain.errors import BoardError
from toolchain.export.frontend_c import frontend_sources
from toolchain.export.project.answers import KnownAnswers, known_answers
from toolchain.export.project.front_end import FrontEnd, check_front_end
from toolchain.export.project.runtime import Runtime
from toolchain.export.project.save import with_manifest
from toolchain.export.project.view import Inventory, project_view
from toolchain.export.templates import render
from toolchain.graph.graph import Graph


class Application(Enum):
    """What stands in app/."""

    SELF_TEST = "known answers"
    VERIFY = "inputs from a file by semihosting, outputs to a file"
    VERIFY_TRACED = "the same, and every layer's output to a file"
    LISTEN = "sound without end from a file, hop by hop; features and outputs of each decision to a file"


@dataclass(frozen=True, eq=False)
class Project:
    """What a project is made of. front_end: None where the network's input is not sound.

    answers: given by known_answers(); tests put a wrong one in. rows_per_decision: of features, for LISTEN.
    """

    graph: Graph
    board: Board
    runtime: Runtime
    front_end: FrontEnd | None
    answers: KnownAnswers
    application: Application = Application.SELF_TEST
    rows_per_decision: int = 1


def make_project(graph: Graph, board: Board, runtime: Runtime, front_end: FrontEnd | None = None) -> Project:
    """A Project with the self-test, its answers computed. Raises ModelError where front end and network do not fit."""
    if front_end is not None:
        check_front_end(graph, front_end)
    return Project(graph, board, runtime, front_end, known_answers(graph, front_end))


def project_sources(project: Project) -> dict[str, str]:
    """Path in the project -> text, the manifest last. Raises BoardError where the board cannot run it."""
    board, application = project.board, project.application
    if application is not Application.SELF_TEST and board.emulation is None:
        raise BoardError(f"board {board.id}: has no [emulate] section, so it cannot be given files of inputs")
    copied = _app_files(project) | _platform_files(board, application)
    sources = {
        **project.runtime.sources,
        **{path: _asset(path) for path in copied.values() if not path.endswith(".j2")},
    }
    if project.front_end is not None:
        sources |= frontend_sources(project.front_end.spec, project.front_end.normalisation)
    rendered = {path: template for path, template in copied.items() if template.endswith(".j2")}
    rendered |= {name: f"{name}.j2" for name in _BUILD_FILES}
    view = project_view(
        project.graph,
        board,
        project.runtime,
        project.answers,
        project.front_end,
        _inventory(sources.keys() | rendered.keys()),
        _defines(project),
        listens=application is Application.LISTEN,
    )
    sources |= {path: render(f"project/{template}", view) for path, template in rendered.items()}
    facts = {
        "model": project.graph.name,
        "graph_sha256": project.graph.sha256,
        "board": board.id,
        "runtime": project.runtime.name,
    }
    return with_manifest({path: sources[path] for path in sorted(sources)}, facts)


_BUILD_FILES = ("Makefile", "CMakeLists.txt", "arm-none-eabi-gcc.cmake", "README.md")


def _defines(project: Project) -> tuple[str, ...]:
    traced = ("SUBBYTE_TRACE",) if project.application is Application.VERIFY_TRACED else ()
    listens = (f"ROWS_PER_DECISION={project.rows_per_decision}",) if project.application is Application.LISTEN else ()
    return (*traced, *listens, *(("CONSTRUCTORS",) if project.runtime.needs_tflm else ()))


def _asset(path: str) -> str:
    return (asset_folder("firmware_templates") / "project" / path).read_text(encoding="utf-8")


def _app_files(project: Project) -> dict[str, str]:
    """Path in the project -> file or template of app/."""
    if project.application is not Application.SELF_TEST:
        return {"app/verify.c": "app/verify.c.j2"}
    copied = ["crc.c", "crc.h", "pattern.c", "pattern.h", "random.h"]
    if project.front_end is not None:
        copied += ["signal.c", "signal.h"]
    files = {f"app/{name}": f"app/{name}" for name in copied}
    return files | {f"app/{name}": f"app/{name}.j2" for name in ("main.c", "answers.c", "answers.h")}


def _platform_files(board: Board, application: Application) -> dict[str, str]:
    """Path in the project -> file or template of platform/."""
    console = f"console_{board.console.kind.value}.c"
    ending = "finish_semihosting.c" if board.emulation else "finish_idle.c"
    copied = {"startup.c", "stack.c", "stack.h", "print.c", "print.h", "platform.h", "registers.h", "cycles.c"}
    copied |= {console, ending}
    if "semihosting" in console or board.emulation:
        copied.add("semihosting.h")
    if board.caches:
        copied |= {"caches.c", "caches.h"}
    if application is Application.SELF_TEST:
        copied.add("host.c")
    files = {f"platform/{name}": f"platform/{name}" for name in copied}
    return files | {f"platform/{name}": f"platform/{name}.j2" for name in ("board.c", "board.h", "memory.ld")}


def _inventory(paths: "set[str]") -> Inventory:
    compiled = sorted(path for path in paths if path.endswith((".c", ".cc")))
    # print.c knows nothing of the board; host.c replaces the rest of platform/ on a computer.
    portable = [path for path in compiled if not path.startswith("platform/") or path == "platform/print.c"]
    platform = [path for path in compiled if path not in portable and path != "platform/host.c"]
    return Inventory(tuple(portable), tuple(platform))
