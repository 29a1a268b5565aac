# SPDX-License-Identifier: Apache-2.0
"""profile_model: what one inference of a network costs on an emulated board, counted to the instruction.

The firmware is the one that `subbyte pack` writes, but for its application: app/verify.c, which takes the input from a
file. What is counted is one call of <prefix>_run, from its first instruction until it has returned; each instruction
of it and of everything it calls belongs to one layer, by the line of model.c that it (or the call) came from.

    model.c                                       layer
    /* 0 conv2d_1x1_s8: ... */                      0
    sb_conv2d_1x1_s8(&layer_0, arena, ...);         0    with all that sb_conv2d_1x1_s8 calls
    /* 1 the same bytes: ... */                     1    no instruction
"""

import bisect
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from toolchain.boards import Board, board_ids, emulator_command, load_board
from toolchain.core import Core
from toolchain.device.batches import Batch, packed, unpacked
from toolchain.device.build import Build, build_firmware
from toolchain.device.profile.calls import Call, CallTree, call_tree
from toolchain.device.profile.symbols import line_table, read_symbols
from toolchain.device.profile.tally import Tally, summed
from toolchain.device.profile.timing import timing_of
from toolchain.device.profile.trace import Span, trace_run
from toolchain.errors import BoardError, ToolError
from toolchain.export.c import Aims, CModel
from toolchain.export.c.costs import Estimate
from toolchain.export.c.kernel import Kernel
from toolchain.export.project import Application, KnownAnswers, Project, c_model, c_runtime
from toolchain.files import temporary_files
from toolchain.graph.graph import Graph

# Against firmware that hangs: more than the largest network here takes under the plugin.
_SECONDS = 900.0


@dataclass(frozen=True)
class LayerProfile:
    """One operator. tally: of it alone. calls: the functions it called, with what they did. estimate: what the kernel's
    measured costs say of it, without running it."""

    name: str
    op: str
    kernel: str
    macs: int
    constant_bytes: int
    tally: Tally
    calls: tuple[Call, ...]
    estimate: Estimate | None


@dataclass(frozen=True)
class StackUse:
    """used_bytes: the deepest that the painted stack was touched. bound_bytes: the deepest chain of calls, from the
    compiler's frames; None where there is no bound. reserved_bytes: by the board."""

    used_bytes: int
    bound_bytes: int | None
    reserved_bytes: int


@dataclass(frozen=True)
class Memory:
    """Bytes. flash_bytes: the whole firmware as linked. engine_code_bytes: code of model, kernels and the library
    functions that are linked; kernel_files: each C file of kernels/ of it. constant_bytes: of the model. static_bytes:
    variables beside the arena."""

    flash_bytes: int
    engine_code_bytes: int
    kernel_files: Mapping[str, int]
    constant_bytes: int
    arena_bytes: int
    static_bytes: int
    stack: StackUse

    @property
    def engine_flash_bytes(self) -> int:
        """What the network takes of the flash, without start-up, console and application."""
        return self.engine_code_bytes + self.constant_bytes

    @property
    def ram_bytes(self) -> int:
        """Arena, variables, and the stack as far as it was used."""
        return self.arena_bytes + self.static_bytes + self.stack.used_bytes


@dataclass(frozen=True)
class Profile:
    """One inference. layers: in the order of the Graph; their tallies add up to `total`. run: <prefix>_run as a call.

    board: that was asked for. counted_on: the emulated one that stood in for it. outputs: name -> int8 [N, *shape], of
    the inference that was counted and of those behind it. weight_bytes: the weights alone, of memory.constant_bytes.
    """

    model: str
    graph_sha256: str
    board: Board
    counted_on: Board
    aims: Aims
    layers: tuple[LayerProfile, ...]
    run: Call
    memory: Memory
    weight_bytes: int
    outputs: Batch = field(compare=False, repr=False)

    @property
    def core(self) -> Core:
        """What the code was generated and compiled for."""
        return self.board.core

    @property
    def total(self) -> Tally:
        """The whole inference."""
        return summed(layer.tally for layer in self.layers)

    @property
    def time_ms(self) -> float:
        """Of the estimated cycles at the board's clock."""
        return 1000 * self.total.cycles / self.board.clock.hz

    @property
    def energy_uj(self) -> float | None:
        """Of the estimated cycles; None where the board's file does not know its current."""
        return self.board.power.energy_uj(self.total.cycles) if self.board.power else None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers)


# Cores of small boards or of none, and the one of a large board that carries out all their instructions: Armv7-M has
# those of Armv6-M, Armv8-M Mainline those of its Baseline.
# Source: Armv7-M ARM (DDI 0403) D3, Armv8-M ARM (DDI 0553) A1.3.
_RUN_BY = {"cortex-m0": "cortex-m3", "cortex-m0plus": "cortex-m3", "cortex-m23": "cortex-m33"}


def emulated_stand_in(board: Board) -> Board:
    """`board` if it is emulated, else an emulated one that runs its core's code: counts belong to the core.

    Raises BoardError where there is none.
    """
    if board.emulation is not None:
        return board
    wanted = _RUN_BY.get(board.core.name, board.core.name)
    for name in board_ids():
        other = load_board(name)
        if other.emulation is not None and other.core.name == wanted:
            return replace(other, core=board.core)
    raise BoardError(f"board {board.id}: is not emulated, and no emulated board has its core {wanted} to count on")


def random_input(graph: Graph, seed: int) -> Batch:
    """One input over the full range of int8, drawn from `seed`."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(-128, 128, (1, *graph.tensor(name).shape)).astype(np.int8)
        for name in dict.fromkeys(graph.inputs)
    }


@temporary_files()
def profile_model(
    graph: Graph,
    board: Board,
    *,
    aims: Aims = Aims(),
    inputs: Batch | None = None,
    table: Sequence[Kernel] | None = None,
) -> Profile:
    """One inference of `graph` on `board`, or on its emulated stand-in.

    inputs: name -> int8 [N, *shape]; a random one from seed 0 where not given. The first is counted; the others are
    run behind it for their outputs. board: its core may be any that the emulated machine can run, such as a Cortex-M0+
    on a Cortex-M3's (dataclasses.replace). table: kernels to choose from, as for c_sources.

    Raises BoardError, ModelError, DoesNotFitError or ToolError with one clear text.
    """
    stand_in = emulated_stand_in(board)
    model = c_model(graph, stand_in, aims, table)
    runtime = c_runtime(graph, stand_in, aims, table)
    project = Project(graph, stand_in, runtime, None, KnownAnswers(), Application.VERIFY)
    batch = packed(graph, random_input(graph, 0) if inputs is None else inputs)
    with tempfile.TemporaryDirectory(prefix="subbyte-profile-") as name:
        folder = Path(name)
        build = build_firmware(project, folder / "project")
        (folder / "input.bin").write_bytes(batch.tobytes())
        tree, said = _counted(model, stand_in, build, folder)
        outputs = np.fromfile(folder / "output.bin", np.int8)
    return Profile(
        model=graph.name,
        graph_sha256=graph.sha256,
        board=board,
        counted_on=stand_in,
        aims=aims,
        layers=_layers(model, tree),
        run=tree.root,
        memory=memory_of(build, said),
        weight_bytes=sum(build.sizes.symbols[each.symbol] for each in model.constants if each.role == "weights"),
        outputs=unpacked(graph, outputs.reshape(len(batch), -1)),
    )


def _counted(model: CModel, board: Board, build: Build, folder: Path) -> tuple[CallTree, str]:
    """The calls of one inference, and what the firmware said."""
    symbols = read_symbols(build.elf)
    name = f"{model.prefix}_run"
    run = next(function for function in symbols.functions if function.name == name)
    rows = line_table(build.elf, "model.c", run.start, run.end)
    first_lines = layer_lines(model)

    def layer_of(address: int) -> int:
        """The layer whose lines of model.c an address of <prefix>_run came from."""
        line = rows[max(bisect.bisect_right(rows, (address, 1 << 30)) - 1, 0)][1] if rows else 0
        return max(bisect.bisect_right(first_lines, line) - 1, 0)

    trace, done = trace_run(emulator_command(board), build.elf, Span(run.start, name), folder, timeout_s=_SECONDS)
    if done.status != 0:
        raise ToolError(f"{board.id}: the emulated firmware gave up: {done.last_words()}")
    return call_tree(trace, symbols, timing_of(board.core.name), layer_of), done.output


def layer_lines(model: CModel) -> list[int]:
    """The line of model.c on which each layer's comment begins, 1 for the first line of the file."""
    text = model.sources["model/model.c"]
    begin = text.index(f"void {model.prefix}_run(void)\n{{")
    run = text[begin : text.index("\n}", begin)]
    found = re.finditer(r"^  /\* (\d+) ", run, re.MULTILINE)
    lines = {int(match[1]): text.count("\n", 0, begin + match.start()) + 1 for match in found}
    assert sorted(lines) == list(range(len(model.layers)))
    return [lines[index] for index in range(len(model.layers))]


def _layers(model: CModel, tree: CallTree) -> tuple[LayerProfile, ...]:
    """One for each operator of the network, its bands taken together."""
    calls: dict[str, list[Call]] = {}
    for call in tree.root.calls:
        calls.setdefault(model.layers[call.part].origin, []).append(call)
    parts: dict[str, list[Tally]] = {}
    for index, layer in enumerate(model.layers):
        parts.setdefault(layer.origin, []).append(tree.parts.get(index, Tally()))
    return tuple(
        LayerProfile(
            name=layer.name,
            op=layer.kind,
            kernel=layer.kernel,
            macs=layer.macs,
            constant_bytes=layer.constant_bytes,
            tally=summed((*parts[layer.name], *(call.total for call in calls.get(layer.name, ())))),
            calls=tuple(calls.get(layer.name, ())),
            estimate=layer.estimate,
        )
        for layer in model.whole_layers
    )


def memory_of(build: Build, said: str) -> Memory:
    """What a verifying firmware takes. said: what it printed at its end. Raises ToolError where that says no stack."""
    painted = re.search(r"stack (\d+) B", said)
    if painted is None:
        raise ToolError(f"the emulated firmware did not say how much stack it used: {said.strip()[-300:]}")
    sizes = build.sizes
    of_engine = [part for part in sizes.contributions if part.part in ("model", "kernels", "library")]
    return Memory(
        flash_bytes=sizes.flash,
        engine_code_bytes=sum(part.code_bytes for part in of_engine),
        kernel_files=sizes.kernel_files,
        constant_bytes=sum(part.constant_bytes for part in of_engine),
        arena_bytes=sizes.arena,
        static_bytes=sizes.rest,
        stack=StackUse(int(painted[1]), build.stack.n_bytes if build.stack else None, sizes.stack),
    )
