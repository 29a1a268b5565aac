# SPDX-License-Identifier: Apache-2.0
"""Who is asked: the judges of this machine in the order in which a network passes them, then the boards."""

from collections.abc import Iterable, Iterator, Sequence

from toolchain.boards import Board, board_ids, load_board
from toolchain.errors import BoardError
from toolchain.verify.judge import Judge, Subject
from toolchain.verify.judges.c_host import CHostDspJudge, CHostJudge
from toolchain.verify.judges.emulated import EmulatedJudge
from toolchain.verify.judges.litert import LiteRtJudge
from toolchain.verify.judges.onnx_runtime import OnnxRuntimeJudge
from toolchain.verify.judges.tf_lite import TfLiteJudge
from toolchain.verify.judges.tflm import CompressedTfliteMicroJudge, TfliteMicroJudge


def host_judges(subject: Subject) -> tuple[Judge, ...]:
    """Every judge that needs no board, also those that cannot be asked here: they say so themselves.

    A file with look-up tables, where there is one, has a judge of its own.
    """
    compressed = () if subject.compressed is None else (CompressedTfliteMicroJudge(subject, subject.compressed),)
    return (
        OnnxRuntimeJudge(subject),
        LiteRtJudge(subject),
        TfLiteJudge(subject),
        TfliteMicroJudge(subject),
        *compressed,
        CHostJudge(subject),
        CHostDspJudge(subject),
    )


ALL_BOARDS = "all"


def emulated_boards(names: Iterable[str]) -> tuple[Board, ...]:
    """The boards of `names`, each an id, a path, several with commas between, or `all` for every emulated one.

    Raises BoardError for an unknown board, and for one that is not emulated.
    """
    found: dict[str, Board] = {}
    for name in _listed(names):
        if name == ALL_BOARDS:
            boards = [board for board in map(load_board, board_ids()) if board.emulation]
        else:
            boards = [load_board(name)]
        for board in boards:
            if board.emulation is None:
                emulated = ", ".join(b.id for b in map(load_board, board_ids()) if b.emulation)
                raise BoardError(
                    f"board {board.id} has no emulator, so it cannot be asked here; those that have: {emulated}"
                )
            found.setdefault(board.id, board)
    return tuple(found.values())


def board_judges(subject: Subject, names: Sequence[str]) -> tuple[Judge, ...]:
    """One judge a board of `names`, as emulated_boards takes them. The network must fit those that `all` did not bring.

    Raises BoardError as emulated_boards does.
    """
    named = emulated_boards(name for name in _listed(names) if name != ALL_BOARDS)
    return tuple(EmulatedJudge(subject, board, must_fit=board in named) for board in emulated_boards(names))


def _listed(names: Iterable[str]) -> Iterator[str]:
    return (part.strip() for text in names for part in text.split(","))
