# SPDX-License-Identifier: Apache-2.0
"""HostModel: the generated C of a Graph, compiled for this machine and called thousands of times.

The same sources that go into a firmware, kernels with DSP instructions included (sb_dsp.h defines those in plain C
where the machine has none). Kernels are compiled once a process, so that many small models cost little each; what is
compiled lives in a temporary folder that goes away with the process.

`fast=True` compiles for many hours of inferences: with all that this very machine can do, which takes longer.
`sanitize=True` makes a program instead of a library, under the address and undefined-behaviour sanitizers; it dies at
the first fault with the sanitizer's report.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import overload

import numpy as np

from toolchain.device.batches import Batch, Int8, bytes_of, only_names, packed, unpacked
from toolchain.errors import ToolError
from toolchain.export.c import CModel
from toolchain.files import temporary_files

_FLAGS = ("-std=c11", "-O2", "-fPIC")
# Integer code gives the same bytes; what is compiled never leaves this machine.
_FAST = ("-std=c11", "-O3", "-march=native", "-fPIC")
_SANITIZE = ("-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_SECONDS = 600


@dataclass(frozen=True)
class HostCompiler:
    """path of the program. version: one line, such as `gcc 12.2.0`."""

    path: str
    version: str


@cache
def host_compiler() -> HostCompiler | None:
    """The C compiler of this machine; None where there is none."""
    path = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if path is None:
        return None
    asked = subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace", timeout=_SECONDS)
    number = re.search(r"\d+\.\d+(\.\d+)?", asked.stdout)
    kind = "clang" if "clang" in asked.stdout else "gcc"
    return HostCompiler(path, f"{kind} {number[0]}" if number else kind)


class HostModel:
    """One generated model on this machine. Compiles at the first use. Not for several threads at once."""

    def __init__(self, model: CModel, *, sanitize: bool = False, fast: bool = False) -> None:
        self.model = model
        self._sanitize = sanitize
        self._fast = fast

    @overload
    def run(self, inputs: Int8) -> Int8: ...
    @overload
    def run(self, inputs: Batch) -> dict[str, Int8]: ...
    def run(self, inputs: Int8 | Batch) -> Int8 | dict[str, Int8]:
        """The outputs of N inferences.

        inputs: name -> int8 [N, *shape] for each input of the Graph; gives the same of its outputs. For a Graph with
        one input and one output also one array, int8 [N, ...] of any shape with as many elements, for one array
        int8 [N, *shape]. Raises ModelError where inputs do not fit, ToolError where no compiler is found or a
        sanitizer complains.
        """
        graph = self.model.graph
        if not isinstance(inputs, Mapping):
            name, output = only_names(graph)
            given = np.asarray(inputs)
            return self.run({name: given.reshape(len(given), *graph.tensor(name).shape)})[output]
        together = packed(graph, inputs)
        answers = self._program(together) if self._sanitize else self._library(together)
        return unpacked(graph, answers)

    def layers(self, inputs: Int8 | Batch) -> list[Int8]:
        """What each operator of the Graph gives in one inference, in its order: int8 of the tensor's shape each.

        inputs: as for `run`, without the first axis.
        """
        graph = self.model.graph
        if not isinstance(inputs, Mapping):
            inputs = {only_names(graph)[0]: inputs}
        batch = {name: np.asarray(value)[None].reshape(1, *graph.tensor(name).shape) for name, value in inputs.items()}
        together = packed(graph, batch)
        tensors = [graph.tensor(op.writes[0]) for op in graph.operators]
        outputs = np.empty(bytes_of(graph, graph.outputs), np.int8)
        traced = np.empty(sum(tensor.n_elements for tensor in tensors), np.int8)
        self._traced.host_layers(_pointer(together), _pointer(outputs), _pointer(traced))
        ends = np.cumsum([tensor.n_elements for tensor in tensors])[:-1]
        return [part.reshape(tensor.shape) for part, tensor in zip(np.split(traced, ends), tensors, strict=True)]

    @cached_property
    def _plain(self) -> ctypes.CDLL:
        return _workshop().library(self.model, trace=False, fast=self._fast)

    @cached_property
    def _traced(self) -> ctypes.CDLL:
        return _workshop().library(self.model, trace=True, fast=False)

    @cached_property
    def _checked(self) -> Path:
        return _workshop().program(self.model)

    def _library(self, inputs: Int8) -> Int8:
        count = len(inputs)
        outputs = np.empty((count, bytes_of(self.model.graph, self.model.graph.outputs)), np.int8)
        self._plain.host_run(_pointer(inputs), _pointer(outputs), ctypes.c_int64(count))
        return outputs

    def _program(self, inputs: Int8) -> Int8:
        done = subprocess.run([self._checked], input=inputs.tobytes(), capture_output=True, timeout=_SECONDS)
        if done.returncode != 0:
            report = done.stderr.decode(errors="replace").strip()
            raise ToolError(f"model {self.model.prefix} under the sanitizers: {report[:2000]}")
        graph = self.model.graph
        return np.frombuffer(done.stdout, np.int8).reshape(len(inputs), bytes_of(graph, graph.outputs))


def _pointer(array: Int8) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class _Workshop:
    """A temporary folder, a compiler, and what it has compiled so far."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="subbyte-host-")
        self._root = Path(self._folder.name)
        compiler = host_compiler()
        if compiler is None:
            raise ToolError(
                "no C compiler for this machine (cc, gcc or clang): install one, on Debian: apt install gcc"
            )
        self._compiler = compiler.path
        self._objects: dict[str, Path] = {}
        self._built = 0

    def library(self, model: CModel, *, trace: bool, fast: bool) -> ctypes.CDLL:
        flags = (*(_FAST if fast else _FLAGS), *(("-DSUBBYTE_TRACE",) if trace else ()))
        output = self._link(model, flags, ("-shared",), "model.so")
        return ctypes.CDLL(str(output))

    def program(self, model: CModel) -> Path:
        return self._link(model, (*_SANITIZE, "-DHOST_MAIN"), _SANITIZE, "program")

    @temporary_files()
    def _link(self, model: CModel, flags: tuple[str, ...], link_flags: tuple[str, ...], name: str) -> Path:
        self._built += 1
        folder = self._root / f"{self._built}"
        sources = model.sources | {"host.c": model.host}
        for path, text in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        headers = "".join(
            text for path, text in sorted(sources.items()) if path.startswith("kernels/") and path.endswith(".h")
        )
        objects = []
        for path in (*model.c_files, "host.c"):
            # Kernels are the same in every model; what is in model/ is not worth keeping.
            key = hashlib.sha256(repr((flags, sources[path], headers)).encode()).hexdigest()
            if not path.startswith("kernels/") or key not in self._objects:
                target = self._root / f"{key}.o" if path.startswith("kernels/") else folder / f"{path}.o"
                self._call(*flags, f"-I{folder}", "-c", str(folder / path), "-o", str(target))
                self._objects[key] = target
            objects.append(str(self._objects[key]))
        output = folder / name
        self._call(*link_flags, *objects, "-o", str(output))
        return output

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(
            [self._compiler, *arguments], capture_output=True, text=True, errors="replace", timeout=_SECONDS
        )
        if done.returncode != 0:
            raise ToolError(f"{self._compiler} failed on the generated C: {done.stderr.strip()[:2000]}")


@cache
def _workshop() -> _Workshop:
    return _Workshop()
