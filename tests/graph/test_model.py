# SPDX-License-Identifier: Apache-2.0
"""load_model: whatever is called MODEL, and clear words for everything else."""

import json
from pathlib import Path

import pytest

from tests.graphs import GraphBuilder
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.model import ModelInfo, load_model, load_model_info

GRAPH = GraphBuilder("net", (1, 4)).fully_connected(3).graph()
SAID = ModelInfo(GRAPH, ("yes", "no", "né"), {"kind": "mfcc"}, {"offsets": [1, 2]})


def _file(folder: Path, metadata: dict[str, str]) -> Path:
    path = folder / "some.tflite"
    path.write_bytes(tflite_bytes(GRAPH, metadata))
    return path


def test_what_a_file_says_beside_its_network_comes_back(tmp_path: Path) -> None:
    info = load_model_info(_file(tmp_path, SAID.metadata()))
    assert (info.labels, info.feature_spec, info.normalisation) == (SAID.labels, SAID.feature_spec, SAID.normalisation)
    assert [op.kind for op in info.graph.operators] == ["FullyConnected"] and info.onnx is None


def test_a_file_that_says_nothing_is_fine(tmp_path: Path) -> None:
    info = load_model_info(_file(tmp_path, {}))
    assert (info.labels, info.feature_spec, info.normalisation) == ((), None, None)
    assert info.metadata() == {}


def test_other_tools_texts_are_left_alone(tmp_path: Path) -> None:
    info = load_model_info(_file(tmp_path, {"labels": "cat, dog", "feature_spec": "[]", "author": "someone"}))
    assert (info.labels, info.feature_spec) == ((), None)


def test_labels_must_fit_the_outputs(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"some\.tflite: metadata labels must be 3 texts.*not 2"):
        load_model(_file(tmp_path, {"labels": json.dumps(["yes", "no"])}))


def test_endings_are_read_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "MODEL.TFLITE"
    path.write_bytes(tflite_bytes(GRAPH))
    assert load_model(path).name == "net"


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file or folder; give a run folder, an \.onnx or a \.tflite"):
        load_model(tmp_path / "absent.tflite")
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.h5: a model is a run folder, an \.onnx or a \.tflite file"):
        load_model(tmp_path / "model.h5")
    with pytest.raises(ModelError, match=r"holds no model\.onnx: it is no run folder"):
        load_model(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ModelError, match=r"holds no model\.onnx: its training is not complete"):
        load_model(tmp_path)
