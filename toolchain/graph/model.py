# SPDX-License-Identifier: Apache-2.0
"""load_model: whatever a user calls MODEL (a run folder, an .onnx or a .tflite file) as a Graph.

`load_model_info` also gives what the file says about its surroundings: the names of the classes, and the front end
whose features the network was trained on. Files of other people have neither; that is no error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.names import identifier
from toolchain.graph.tflite_in import read_tflite_model

# The network of a run folder, as training writes it.
RUN_MODEL = "model.onnx"

# Names of the metadata entries, in ONNX's metadata_props and in TFLite's metadata; each holds JSON.
LABELS, FEATURE_SPEC, NORMALISATION = "labels", "feature_spec", "normalisation"


@dataclass(frozen=True, eq=False)
class ModelInfo:
    """A Graph and what its file says beside it.

    labels: one for each output element, or none. feature_spec, normalisation: as FeatureSpec.to_dict and
    Normalisation.to_dict give them; None where the file does not say. onnx: the .onnx file it came from, if it did.
    """

    graph: Graph
    labels: tuple[str, ...] = ()
    feature_spec: Mapping[str, Any] | None = None
    normalisation: Mapping[str, Any] | None = None
    onnx: Path | None = None

    def metadata(self) -> dict[str, str]:
        """The same statements as named JSON texts, to be carried by another file."""
        said = {
            LABELS: list(self.labels) or None,
            FEATURE_SPEC: self.feature_spec,
            NORMALISATION: self.normalisation,
        }
        return {name: json.dumps(value, sort_keys=True) for name, value in said.items() if value is not None}


def load_model(path: Path) -> Graph:
    """The checked Graph of a run folder, an .onnx or a .tflite file. Raises ModelError naming the path."""
    return load_model_info(path).graph


def load_model_info(path: Path) -> ModelInfo:
    """As load_model, with labels and front end. Raises ModelError also where the labels do not fit the outputs."""
    path = Path(path)
    if path.is_dir():
        return _of_run(path)
    if not path.exists():
        raise ModelError(f"{path}: there is no such file or folder; give a run folder, an .onnx or a .tflite file")
    match path.suffix.lower():
        case ".onnx":
            return _of_onnx(path)
        case ".tflite":
            model = read_tflite_model(path)
            return _info(path, model.graph, model.metadata, None)
    raise ModelError(f"{path}: a model is a run folder, an .onnx or a .tflite file; this is none of them")


def _of_run(folder: Path) -> ModelInfo:
    """Named after the folder: every run's network is called model.onnx."""
    file = folder / RUN_MODEL
    if not file.is_file():
        state = "its training is not complete" if (folder / "run.json").is_file() else "it is no run folder"
        raise ModelError(f"{folder}: holds no {RUN_MODEL}: {state}")
    info = _of_onnx(file)
    return replace(info, graph=replace(info.graph, name=identifier(folder.resolve().name)))


def _of_onnx(path: Path) -> ModelInfo:
    # Here, not above: reading a .tflite file must not wait for onnx.
    from toolchain.graph.onnx_in import read_onnx_model

    model = read_onnx_model(path)
    return _info(path, model.graph, model.metadata, path)


def _info(path: Path, graph: Graph, metadata: Mapping[str, str], onnx: Path | None) -> ModelInfo:
    labels = _json(metadata, LABELS, list) or []
    elements = sum(graph.tensor(name).n_elements for name in graph.outputs)
    if labels and (len(labels) != elements or not all(isinstance(label, str) for label in labels)):
        raise ModelError(f"{path}: metadata {LABELS} must be {elements} texts, one for each output, not {len(labels)}")
    return ModelInfo(
        graph,
        tuple(labels),
        _json(metadata, FEATURE_SPEC, dict),
        _json(metadata, NORMALISATION, dict),
        onnx,
    )


def _json(metadata: Mapping[str, str], name: str, kind: type) -> Any:
    """The value of an entry; None where there is none, or where another tool has used the name for something else."""
    try:
        value = json.loads(metadata.get(name, "null"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, kind) else None
