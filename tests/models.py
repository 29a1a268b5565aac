# SPDX-License-Identifier: Apache-2.0
"""Small models as files, as users have them."""

from pathlib import Path

from tests.projects import audio_front_end, audio_graph, tiny_graph
from toolchain.data.layout import class_labels
from toolchain.export.project import FrontEnd
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.model import ModelInfo


def tiny_model(folder: Path) -> Path:
    """tiny.tflite: no classes, no front end."""
    path = folder / "tiny.tflite"
    path.write_bytes(tflite_bytes(tiny_graph()))
    return path


def audio_model(folder: Path, front_end: FrontEnd | None = None) -> Path:
    """ears.tflite: an untrained network that names its front end and the twelve classes."""
    front_end = front_end or audio_front_end(centred=False)
    graph = audio_graph(front_end)
    info = ModelInfo(graph, class_labels(), front_end.spec.to_dict(), front_end.normalisation.to_dict())
    path = folder / "ears.tflite"
    path.write_bytes(tflite_bytes(graph, info.metadata()))
    return path
