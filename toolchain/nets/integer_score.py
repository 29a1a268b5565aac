# SPDX-License-Identifier: Apache-2.0
"""count_correct: the score of the file that training wrote, computed with the integers of every target.

The simulation that training sees rounds as floats do; a convolution of TFLite rounds twice. One output in a thousand
falls to the other side of a step, later layers spread it, and a clip on the edge of two classes may change. So the
figure that a run reports is taken from its file, read back and run by the reference interpreter: generated C, on this
machine or on a board, then scores the same to the last clip.
"""

from pathlib import Path

from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.reference import run_batch
from toolchain.nets.stages import Labelled
from toolchain.progress import Progress

_CLIPS_PER_CALL = 64


def count_correct(model: Path, data: Labelled, progress: Progress) -> int:
    """How many clips of `data` the network in `model` gets right; the largest output wins, of equals the first."""
    graph = read_onnx(model)
    (source,), (output,) = graph.inputs, graph.outputs
    labels = data.labels.cpu().numpy()
    features = data.features.cpu().numpy().reshape(len(labels), *graph.tensor(source).shape)
    correct = 0
    for start in range(0, len(labels), _CLIPS_PER_CALL):
        rows = slice(start, start + _CLIPS_PER_CALL)
        logits = run_batch(graph, {source: features[rows]})[output]
        correct += int((logits.reshape(len(logits), -1).argmax(1) == labels[rows]).sum())
        progress(min(start + _CLIPS_PER_CALL, len(labels)), len(labels))
    return correct
