# SPDX-License-Identifier: Apache-2.0
"""Small firmware projects for tests: a graph of every kind of arithmetic, a board of one's own, one line changed."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.graphs import GraphBuilder
from toolchain.boards import Board, load_board
from toolchain.export.project import FrontEnd, Project, c_runtime, make_project, project_sources
from toolchain.frontend import Normalisation, hello_edge, peter2020
from toolchain.graph.graph import Graph

PLAIN_BOARD = Path(__file__).parent / "boards" / "plain.toml"


def tiny_graph() -> Graph:
    """A network of six layers, over in a few thousand instructions."""
    net = GraphBuilder("tiny", (1, 10, 4, 1), seed=7)
    net.conv2d(8, (3, 3), stride=(2, 1)).depthwise_conv2d((3, 3)).average_pool2d((5, 4))
    return net.reshape((1, 8)).fully_connected(3).softmax().graph()


def tiny_project(board: Board) -> Project:
    """The self-test of tiny_graph for `board`."""
    graph = tiny_graph()
    return make_project(graph, board, c_runtime(graph, board))


def audio_front_end(*, centred: bool) -> FrontEnd:
    """Ten coefficients of Hello Edge's front end (frames within the clip), or of Peter et al. (centred frames)."""
    spec = peter2020(10) if centred else hello_edge(10)
    mean, deviation = np.linspace(-3, 5, spec.n_features), np.linspace(1, 2, spec.n_features)
    return FrontEnd(spec, Normalisation.from_statistics(mean, deviation))


def audio_graph(front_end: FrontEnd) -> Graph:
    """A small network behind `front_end`."""
    net = GraphBuilder("ears", (1, front_end.spec.n_frames, front_end.spec.n_features, 1), seed=3)
    net.conv2d(8, (10, 4), stride=(2, 2)).depthwise_conv2d((3, 3)).mean()
    return net.fully_connected(12).graph()


def board_like(folder: Path, *changes: tuple[str, str], name: str = "changed") -> Board:
    """tests/boards/plain.toml with each first text replaced by its second."""
    text = PLAIN_BOARD.read_text(encoding="utf-8")
    for found, replacement in changes:
        assert text.count(found) == 1, f"{found!r} stands {text.count(found)} times in {PLAIN_BOARD.name}"
        text = text.replace(found, replacement)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return load_board(path)


def with_wrong_answer(project: Project, case: int) -> Project:
    """The same project, whose known answer to one case is not what comes out."""
    cases = list(project.answers.cases)
    answer = cases[case].answer
    wrong = replace(answer, crc=answer.crc ^ 1, first=(answer.first[0] ^ 1, *answer.first[1:]))
    cases[case] = replace(cases[case], answer=wrong)
    return replace(project, answers=replace(project.answers, cases=tuple(cases)))


def write_sources(project: Project, folder: Path, changed: dict[str, str] | None = None) -> Path:
    """The project's files below `folder`, some of them replaced; one that is there already is left as it is."""
    for name, text in {**project_sources(project), **(changed or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return folder
