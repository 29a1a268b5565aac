# SPDX-License-Identifier: Apache-2.0
"""Runtime: what carries out the network in a firmware project, and what the project's build has to know of it.

Every runtime offers the same C in model/model.h, so that applications need not know which one it is:
`<prefix>_input()`, `<prefix>_run()`, `<prefix>_output()` (toolchain/export/c/names.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from toolchain.boards import Board
from toolchain.errors import ModelError
from toolchain.export.c import Aims, CModel, c_sources
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.names import names_of
from toolchain.export.tflm import tflm_sources
from toolchain.graph.bands import Banded, in_bands
from toolchain.graph.graph import Graph


@dataclass(frozen=True)
class Runtime:
    """name: as on the command line. title: for people. sources: path in the project -> text.

    constant_bytes, arena_bytes: what its constants take in flash and its activations in RAM, known before linking.
    aims: what was asked for; the build's level of optimisation follows from it.
    executed: what is carried out, operator by operator.
    weights_file: the file with the constants, without its ending.
    needs_tflm: the project is C and C++, and linked with a library that TFLM_LIB and TFLM_INCLUDE give; it has no build
    for the host then. note: a paragraph for the README, or "".
    """

    name: str
    title: str
    executed: Banded
    sources: Mapping[str, str]
    constant_bytes: int
    arena_bytes: int
    aims: Aims
    weights_file: str
    needs_tflm: bool = False
    note: str = ""


def c_model(graph: Graph, board: Board, aims: Aims = Aims(), table: Sequence[Kernel] | None = None) -> CModel:
    """The C of `graph` for `board`. What aims allow of RAM is for the arena and the stack that the board file reserves.

    table and errors as for c_sources.
    """
    remake = f"subbyte pack MODEL --board {board.id}{aims.options} -o DIR"
    reserved = board.limits.stack_bytes
    return c_sources(graph, board.core, aims=aims, reserved_ram_bytes=reserved, remake=remake, table=table)


def c_runtime(graph: Graph, board: Board, aims: Aims = Aims(), table: Sequence[Kernel] | None = None) -> Runtime:
    """Plain C: the network's layers as calls of Subbyte's kernels; table and errors as for c_sources."""
    model = c_model(graph, board, aims, table)
    return Runtime(
        "c",
        "plain C, Subbyte's kernels",
        model.banded,
        model.sources,
        constant_bytes=model.constant_bytes,
        arena_bytes=model.arena_bytes,
        aims=aims,
        weights_file="model/weights",
    )


def tflm_runtime(graph: Graph, board: Board, aims: Aims = Aims(), *, compress: bool = False) -> Runtime:
    """TFLite Micro around the .tflite file; of `aims` only the compiler's level counts. compress: as for tflm_sources.

    Raises ModelError where TFLite cannot say the graph, and where RAM is to be limited: it plans its own arena.
    """
    if aims.max_ram_bytes is not None:
        raise ModelError("--max-ram is for plain C (--runtime c): TFLite Micro lays out its arena by itself")
    name, title = "tflm", "TensorFlow Lite for Microcontrollers"
    if compress:
        name, title = f"{name}-compressed", f"{title}, weights as look-up tables"
    remake = f"subbyte pack MODEL --board {board.id} --runtime {name}{aims.options} -o DIR"
    model = tflm_sources(graph, board.core, compress=compress, remake=remake)
    note = (
        "`TFLM_LIB` is the path of `libtensorflow-microlite.a`, built for this core, with hard floating point if the "
        "flags in the Makefile say so. `TFLM_INCLUDE` names the folders of its headers: TFLite Micro's own, and those "
        f"of flatbuffers, gemmlowp and ruy. The arena is {model.arena.total_bytes} B: {model.arena.how}."
    )
    return Runtime(
        name,
        title,
        in_bands(graph, ()),
        model.sources,
        constant_bytes=len(model.tflite),
        arena_bytes=model.arena.total_bytes,
        aims=aims,
        weights_file=f"model/{names_of(graph).prefix}_model_data",
        needs_tflm=True,
        note=note,
    )


# Name on the command line -> what makes it.
RUNTIMES: Mapping[str, Callable[[Graph, Board, Aims], Runtime]] = {
    "c": c_runtime,
    "tflm": tflm_runtime,
    "tflm-compressed": partial(tflm_runtime, compress=True),
}
