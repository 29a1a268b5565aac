# SPDX-License-Identifier: Apache-2.0
"""EmulatedModel: a network's firmware on an emulated board, given hundreds of inputs in one run.

The firmware is the one that `subbyte pack` writes, but for its application: app/verify.c reads inputs from a file and
writes outputs to one, by semihosting. It is built at the first use, in a temporary folder that goes away with the
object; a second build, made only when asked for, also writes the output of every layer.
"""

import re
import shutil
import tempfile
import weakref
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from toolchain.boards import EMULATOR, Board
from toolchain.device.batches import Batch, Int8, bytes_of, only_names, packed, unpacked
from toolchain.device.build import COMPILER, Build, build_firmware
from toolchain.device.emulate import EmulatedRun, emulate
from toolchain.device.process import run_tool
from toolchain.errors import DataError, ModelError, ToolError
from toolchain.export.project import Application, FrontEnd, KnownAnswers, Project, Runtime, c_runtime
from toolchain.files import temporary_files
from toolchain.graph.graph import Graph

# Against firmware that hangs: a start, and for each input more than the largest network here takes on this machine.
_START_S = 120.0
_INPUT_S = 20.0


@cache
def emulator_version() -> str:
    """Such as `qemu 7.2.22, gcc 12.2.1`. Raises ToolError where one of the two is missing."""
    texts = [run_tool((program, "--version"), timeout_s=60).output for program in (EMULATOR, COMPILER)]
    numbers = [found[0] if (found := re.search(r"\d+\.\d+\.\d+", text)) else "?" for text in texts]
    return f"qemu {numbers[0]}, gcc {numbers[1]}"


@cache
def library_version() -> str:
    """Version of the C library that firmware is linked with, such as `newlib 3.3.0`. Raises ToolError without GCC."""
    macros = run_tool((COMPILER, "-dM", "-E", "-include", "newlib.h", "-x", "c", "/dev/null"), timeout_s=60).output
    found = re.search(r'_NEWLIB_VERSION "([^"]*)"', macros)
    return f"newlib {found[1]}" if found else "unknown C library"


class EmulatedModel:
    """One network on one emulated board. Not for several threads at once."""

    def __init__(
        self,
        graph: Graph,
        board: Board,
        *,
        front_end: FrontEnd | None = None,
        runtime: Runtime | None = None,
        make_variables: tuple[str, ...] = (),
    ) -> None:
        """front_end: what run_audio puts before the network. runtime: plain C unless given.

        Raises ModelError where the runtime cannot express the graph.
        """
        self.graph = graph
        self.board = board
        self._front_end = front_end
        self._make_variables = make_variables
        runtime = runtime or c_runtime(graph, board)
        self.executed = runtime.executed
        self._project = Project(graph, board, runtime, None, KnownAnswers(), Application.VERIFY)
        self._folder = Path(tempfile.mkdtemp(prefix="subbyte-emulated-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._builds: dict[tuple[Application, bool, int], Build] = {}

    @overload
    def run(self, inputs: Int8) -> Int8: ...
    @overload
    def run(self, inputs: Batch) -> dict[str, Int8]: ...
    def run(self, inputs: Int8 | Batch) -> Int8 | dict[str, Int8]:
        """The outputs of N inferences.

        inputs: name -> int8 [N, *shape] for each input of the Graph; gives the same of its outputs. For a Graph with
        one input and one output also one array, int8 [N, ...] of any shape with as many elements, for one array
        int8 [N, *shape]. Raises ModelError where inputs do not fit, ToolError where compiler or emulator is missing,
        BoardError where the firmware is larger than the board.
        """
        if isinstance(inputs, np.ndarray):
            name, output = only_names(self.graph)
            return self.run({name: inputs.reshape(len(inputs), *self.graph.tensor(name).shape)})[output]
        together = packed(self.graph, inputs)
        return unpacked(self.graph, self._outputs(self._project, together, len(together)))

    def run_audio(self, audio: NDArray[np.int16]) -> tuple[Int8, Int8]:
        """From sound to output on the board: int8 features [N, T, F] and int8 outputs [N, *shape].

        audio: int16 [N, clip samples]. Raises ModelError where the model was made without a front end or has several
        outputs, DataError where the audio does not fit it; else as `run`.
        """
        if self._front_end is None:
            raise ModelError(f"graph {self.graph.name}: there is no front end, so it cannot be given audio")
        spec = self._front_end.spec
        if audio.dtype != np.int16 or audio.ndim != 2 or audio.shape[1] != spec.clip_samples:
            raise DataError(
                f"audio for {self.graph.name}: int16 [N, {spec.clip_samples}] is needed, not {audio.dtype} "
                f"{list(audio.shape)}"
            )
        project = replace(self._project, front_end=self._front_end)
        return self._heard(
            self._outputs(project, np.ascontiguousarray(audio), len(audio), spec.n_frames * spec.n_features)
        )

    def run_stream(self, audio: NDArray[np.int16], rows_per_decision: int, n_decisions: int) -> tuple[Int8, Int8]:
        """A stream heard on the board: int8 features [N, T, F] and int8 outputs [N, *shape], N = n_decisions.

        audio: int16 [samples], what is left behind its last whole hop unheard. The network sees the newest T rows,
        first when there are so many and then every `rows_per_decision` rows. Raises as `run_audio` does, ToolError
        also where the board makes another number of decisions.
        """
        if self._front_end is None:
            raise ModelError(f"graph {self.graph.name}: there is no front end, so it cannot be given audio")
        spec = self._front_end.spec
        whole = audio[: len(audio) // spec.hop_samples * spec.hop_samples]
        project = replace(
            self._project,
            front_end=self._front_end,
            application=Application.LISTEN,
            rows_per_decision=rows_per_decision,
        )
        return self._heard(self._outputs(project, whole, n_decisions, spec.n_frames * spec.n_features))

    def _heard(self, both: Int8) -> tuple[Int8, Int8]:
        """Features [N, T, F] and outputs [N, *shape] of what the firmware wrote, int8 [N, bytes of both]."""
        assert self._front_end is not None  # asked for by the caller
        spec = self._front_end.spec
        features, outputs = np.split(both, [spec.n_frames * spec.n_features], axis=1)
        _, output = only_names(self.graph)
        return np.ascontiguousarray(features).reshape(-1, *spec.shape), unpacked(self.graph, outputs)[output]

    def layers(self, inputs: Int8 | Batch) -> list[Int8]:
        """What each operator of `executed.graph` gives in one inference, in order: int8 of the tensor's shape each.

        inputs: as for `run`, without the first axis. Raises as `run` does.
        """
        if isinstance(inputs, np.ndarray):
            inputs = {only_names(self.graph)[0]: inputs}
        batch = {name: np.asarray(value).reshape(1, *self.graph.tensor(name).shape) for name, value in inputs.items()}
        project = replace(self._project, application=Application.VERIFY_TRACED)
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            self._emulate(project, packed(self.graph, batch), Path(name), 1)
            traced = (Path(name) / "trace.bin").read_bytes()
        return self._traced_layers(traced)

    def _traced_layers(self, traced: bytes) -> list[Int8]:
        found = []
        for index, op in enumerate(self.executed.graph.operators):
            tensor = self.executed.graph.tensor(op.writes[0])
            head = np.array([index, tensor.container_bytes], "<i4").tobytes()
            if not traced.startswith(head):
                raise ToolError(f"{self.board.id}: the trace of layer {op.name} is not where it should be")
            value = np.frombuffer(traced, np.int8, tensor.container_bytes, len(head))
            found.append(value.reshape(tensor.shape))
            traced = traced[len(head) + tensor.container_bytes :]
        return found

    def _outputs(self, project: Project, inputs: NDArray[np.signedinteger], count: int, more_bytes: int = 0) -> Int8:
        """What `count` inferences over `inputs` give: int8 [count, more_bytes + bytes of all outputs]."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            run = self._emulate(project, inputs, Path(name), count)
            written = np.fromfile(Path(name) / "output.bin", np.int8)
        expected = (count, more_bytes + bytes_of(self.graph, self.graph.outputs))
        if written.size != expected[0] * expected[1]:
            raise ToolError(
                f"{self.board.id}: the emulated firmware wrote {written.size:,} bytes instead of "
                f"{expected[0] * expected[1]:,}; it said: {run.output.strip()[-300:]}"
            )
        return written.reshape(expected)

    @temporary_files()
    def _emulate(self, project: Project, inputs: NDArray[np.signedinteger], folder: Path, count: int) -> EmulatedRun:
        build = self._build(project)
        (folder / "input.bin").write_bytes(inputs.tobytes())
        run = emulate(self.board, build.elf, folder, timeout_s=_START_S + _INPUT_S * count)
        if not run.passed:
            raise ToolError(f"{self.board.id}: the emulated firmware gave up: {run.output.strip()[-300:]}")
        return run

    @temporary_files()
    def _build(self, project: Project) -> Build:
        key = (project.application, project.front_end is not None, project.rows_per_decision)
        if key not in self._builds:
            folder = self._folder / f"project_{len(self._builds)}"
            self._builds[key] = build_firmware(project, folder, make_variables=self._make_variables)
        return self._builds[key]
