# SPDX-License-Identifier: Apache-2.0
"""measure: networks on boards become Results. First exact, then counted.

The firmware that is counted gives the outputs that are compared: the same bytes as the reference interpreter, and as
tflite-micro where its wheel is installed, over the extremes of int8 and random inputs. Of a network that is not exact
nothing is reported.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np

from toolchain.bench.kinds import layer_work
from toolchain.bench.networks import Network, check_names
from toolchain.bench.result import Bench, Exactness, LayerCost, Result
from toolchain.boards import Board, load_board
from toolchain.core import known_core
from toolchain.device.emulated import emulator_version, library_version
from toolchain.device.profile import Profile, profile_model
from toolchain.errors import BenchError
from toolchain.export.c import Aims
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.reference import run_batch
from toolchain.progress import Progress, silent
from toolchain.verify.inputs import random_inputs
from toolchain.verify.judge import Batch, Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge
from toolchain.verify.panel import emulated_boards

# Two random ones, of which the first is counted, and the extremes.
_INPUTS = 4
_SEED = 0


def benchmark_boards() -> tuple[Board, ...]:
    """One emulated board a core, from the smallest core up; code for the Cortex-M0+ runs on the Cortex-M3's board."""
    ids = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")
    boards = tuple(load_board(name) for name in ids)
    return (replace(boards[0], id=f"{boards[0].id}-m0plus", core=known_core("cortex-m0plus")), *boards)


def chosen_boards(names: Sequence[str]) -> tuple[Board, ...]:
    """The boards of `names`: ids of benchmark_boards, or whatever emulated_boards takes. All of the former without one.

    Raises BoardError as emulated_boards does.
    """
    known = {board.id: board for board in benchmark_boards()}
    asked = [part.strip() for name in names for part in name.split(",")] or list(known)
    found = [board for name in asked for board in ([known[name]] if name in known else emulated_boards([name]))]
    return tuple({board.id: board for board in found}.values())


def measure(jobs: Sequence[tuple[Network, Board]], aims: Aims = Aims(), progress: Progress = silent) -> Bench:
    """Each network on its board, in that order; on all processors of this machine.

    Raises BenchError where a network is not exact or two have one name; else as profile_model does.
    """
    networks = tuple(dict.fromkeys(network for network, _ in jobs))
    check_names(networks)
    progress(0, len(jobs))
    questions = {network.name: question_of(network) for network in networks}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        asked = [pool.submit(_result, questions[network.name], board, aims) for network, board in jobs]
        try:
            for done, job in enumerate(as_completed(asked), 1):
                job.result()
                progress(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Bench(bench_tools(), aims.options.strip(), tuple(job.result() for job in asked))


def bench_tools() -> str:
    """What figures hang on: versions of emulator, compiler and C library."""
    return f"{emulator_version()}, {library_version()}"


@dataclass(frozen=True, eq=False)
class Question:
    """A network with its inputs, of which the first is counted, and the outputs that `judges` agree on."""

    network: Network
    inputs: Batch
    expected: Batch
    judges: tuple[str, ...]


def question_of(network: Network) -> Question:
    """Inputs for `network` and what they give. Raises BenchError where tflite-micro gives other bytes."""
    drawn = random_inputs(network.graph, _INPUTS, _SEED)
    inputs = {name: np.roll(values, 2 - _INPUTS, axis=0) for name, values in drawn.items()}
    expected = run_batch(network.graph, inputs)
    judges = ["reference interpreter"]
    judge = TfliteMicroJudge(Subject(network.graph, tflite_bytes(network.graph)))
    if judge.unavailable() is None:
        check_exact(network.name, judge.name, expected, judge.run(inputs))
        judges.append(judge.name)
    return Question(network, inputs, expected, tuple(judges))


def check_exact(network: str, judge: str, expected: Batch, answered: Batch) -> None:
    """Raises BenchError where a byte differs, with the number of them."""
    differing = sum(int(np.count_nonzero(expected[name] != answered[name])) for name in expected)
    if differing:
        n_bytes = sum(values.size for values in expected.values())
        raise BenchError(
            f"{network}: {judge} gives {differing} of {n_bytes} bytes otherwise than the reference interpreter; "
            f"nothing is reported of a network that is not exact. `subbyte verify` names the first layer that differs"
        )


def _result(question: Question, board: Board, aims: Aims) -> Result:
    network = question.network
    profile = profile_model(network.graph, board, aims=aims, inputs=question.inputs)
    check_exact(network.name, f"{board.id}, {board.core.name}", question.expected, profile.outputs)
    memory = profile.memory
    return Result(
        network=network.name,
        title=network.title,
        origin=network.origin,
        graph_sha256=network.graph.sha256,
        macs=profile.macs,
        board=board.id,
        core=board.core.name,
        exactness=Exactness(_INPUTS, sum(values.size for values in question.expected.values()), question.judges),
        instructions=profile.total.instructions,
        cycles=profile.total.cycles,
        engine_flash=memory.engine_flash_bytes,
        firmware_flash=memory.flash_bytes,
        arena=memory.arena_bytes,
        static=memory.static_bytes,
        stack=memory.stack.used_bytes,
        layers=_layers(network, profile),
    )


def _layers(network: Network, profile: Profile) -> tuple[LayerCost, ...]:
    """The layers that take an instruction, as they run; views of other tensors' bytes are left out."""
    operators = {op.name: op for op in network.graph.operators}
    return tuple(
        LayerCost(
            layer.name,
            layer.kernel,
            layer_work(network.graph, operators[layer.name]),
            layer.tally.instructions,
            layer.tally.cycles,
        )
        for layer in profile.layers
        if layer.tally.instructions
    )
