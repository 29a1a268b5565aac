# SPDX-License-Identifier: Apache-2.0
"""Accuracy from audio samples: front end and network in C on this machine, the reference, or an emulated board.

An emulated board gets samples, not features, and its features and outputs are compared with this machine's byte for
byte: an accuracy that agrees could still hide a difference. The class is the largest output, of equals the first.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from toolchain.boards import Board
from toolchain.core import known_core
from toolchain.data.corpus import Split
from toolchain.device.emulated import EmulatedModel
from toolchain.device.host import HostModel
from toolchain.errors import ModelError
from toolchain.export.c import c_sources
from toolchain.export.project import FrontEnd
from toolchain.frontend import Frontend
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import DType, Grid, Tensor
from toolchain.progress import Progress, silent
from toolchain.verify.clips import as_inputs

# Clips between two steps of the progress bar. A board takes a second or two for its share.
_HOST_CLIPS = 128
_BOARD_CLIPS = 20

# Features int8 [N, T, F] -> outputs int8 [N, classes].
Classifier = Callable[[NDArray[np.int8]], NDArray[np.int8]]


@dataclass(frozen=True, eq=False)
class Answers:
    """What came of N clips: features int8 [N, T, F] and outputs int8 [N, classes]."""

    features: NDArray[np.int8]
    outputs: NDArray[np.int8]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Index of the largest output of each clip."""
        return np.asarray(np.argmax(self.outputs, axis=1), np.int64)


@dataclass(frozen=True, eq=False)
class Score:
    """confusion[i, j]: clips of class i that were taken for class j, int64."""

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Clips."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Clips that were taken for what they are."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of correct clips, 0 without any clip."""
        return self.correct / self.n if self.n else 0.0


@dataclass(frozen=True)
class Difference:
    """A board's bytes against this machine's over the same clips."""

    clips: int
    feature_bytes: int
    features_differing: int
    output_bytes: int
    outputs_differing: int

    @property
    def ok(self) -> bool:
        """Whether not a byte differs."""
        return not (self.features_differing or self.outputs_differing)


def score(answers: Answers, split: Split) -> Score:
    """Confusion of the answers to the first clips of `split`."""
    n, classes = len(answers.outputs), len(split.labels)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (split.y[:n], answers.classes), 1)
    return Score(split.labels, confusion)


def difference(board: Answers, here: Answers) -> Difference:
    """Byte by byte."""
    return Difference(
        clips=len(here.outputs),
        feature_bytes=here.features.size,
        features_differing=int(np.count_nonzero(board.features != here.features)),
        output_bytes=here.outputs.size,
        outputs_differing=int(np.count_nonzero(board.outputs != here.outputs)),
    )


def host_classifier(graph: Graph) -> Classifier:
    """The generated C on this machine, weights as bytes whatever their bits: fast, since hours of audio go through it.

    The same integers, so the same outputs; that packed weights give them too is what `subbyte verify` is for.
    """
    _check_outputs(graph)
    wide = tuple(
        replace(tensor, bits=8, grid=Grid.MID_TREAD) if _packed(tensor) else tensor for tensor in graph.tensors
    )
    model = HostModel(c_sources(replace(graph, tensors=wide), known_core("cortex-m3")), fast=True)
    return lambda features: _flat(model.run(as_inputs(graph, features))[graph.outputs[0]])


def _packed(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.dtype is DType.INT8 and tensor.bits < 8


def reference_classifier(graph: Graph) -> Classifier:
    """The reference interpreter."""
    _check_outputs(graph)
    return lambda features: _flat(run_batch(graph, as_inputs(graph, features))[graph.outputs[0]])


def answers_here(
    front_end: Frontend, classifier: Classifier, audio: NDArray[np.int16], progress: Progress = silent
) -> Answers:
    """Front end in C and the classifier, over audio int16 [N, samples]."""
    parts = []
    for start in range(0, len(audio), _HOST_CLIPS):
        features = front_end.features(audio[start : start + _HOST_CLIPS])
        parts.append(Answers(features, classifier(features)))
        progress(min(start + _HOST_CLIPS, len(audio)), len(audio))
    return _joined(parts)


def answers_on_board(
    graph: Graph, board: Board, front_end: FrontEnd, audio: NDArray[np.int16], progress: Progress = silent
) -> Answers:
    """Front end and network on the emulated board. Raises as EmulatedModel does."""
    model = EmulatedModel(graph, board, front_end=front_end)
    parts = []
    for start in range(0, len(audio), _BOARD_CLIPS):
        features, outputs = model.run_audio(audio[start : start + _BOARD_CLIPS])
        parts.append(Answers(features, _flat(outputs)))
        progress(min(start + _BOARD_CLIPS, len(audio)), len(audio))
    return _joined(parts)


def _check_outputs(graph: Graph) -> None:
    if len(graph.outputs) != 1:
        raise ModelError(f"graph {graph.name}: has {len(graph.outputs)} outputs; a classifier has one")


def _flat(outputs: NDArray[np.int8]) -> NDArray[np.int8]:
    return outputs.reshape(len(outputs), -1)


def _joined(parts: list[Answers]) -> Answers:
    return Answers(np.concatenate([part.features for part in parts]), np.concatenate([part.outputs for part in parts]))
