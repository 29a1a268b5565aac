# SPDX-License-Identifier: Apache-2.0
"""Damaged files give a Graph or a ModelError; nothing else, and quickly."""

from pathlib import Path

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph
from toolchain.errors import ModelError
from toolchain.export.tflite import Forms, tflite_bytes
from toolchain.graph.tflite_in import parse_tflite

# Numbers that offsets, lengths and indices are most hurt by.
NASTY = (0, 1, 3, 2**16 - 1, 2**24, 0x3FFFFFFF, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)


def _outcome(content: bytes) -> str:
    try:
        parse_tflite(content, "net")
    except ModelError as error:
        assert str(error)
        return "refused"
    return "read"


def _mutated(content: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        place = int(rng.integers(len(damaged)))
        if rng.random() < 0.5:
            damaged[place] = int(rng.integers(256))
        else:
            place = min(place & ~3, len(damaged) - 4)
            damaged[place : place + 4] = int(rng.choice(NASTY)).to_bytes(4, "little")
    return bytes(damaged)


def _assert_survives(files: list[bytes], count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcomes = {_outcome(_mutated(files[index % len(files)], rng)) for index in range(count)}
    assert outcomes == {"read", "refused"}  # neither may be the only thing that happens


def test_mutated_files_of_ours_are_survived() -> None:
    files = [tflite_bytes(random_graph(seed, bits=5)) for seed in (2, 3, 8, 12)]
    narrow = GraphBuilder("net", (1, 4, 4, 8)).conv2d(70, (1, 2), bits=2, padding="valid").graph()
    files += [tflite_bytes(narrow), tflite_bytes(narrow, forms=Forms(int4=(), tables=True))]  # int4, look-up table
    _assert_survives(files, 4000, seed=1)


def test_mutated_structure_of_real_files_is_survived(shared_data: Path) -> None:
    """Most of a real file is weights; the structure is at its start and its end."""
    rng = np.random.default_rng(2)
    for name in ("kws_ref_model", "pretrainedResnet_quant"):
        content = (shared_data / "models" / f"{name}.tflite").read_bytes()
        for _ in range(500):
            edge = int(rng.integers(16, 6000))
            head, middle, tail = content[:edge], content[edge:-edge], content[-edge:]
            part = _mutated(head + tail, rng)
            _outcome(part[:edge] + middle + part[edge:])


def test_every_truncation_is_refused() -> None:
    content = tflite_bytes(GraphBuilder("net", (1, 4, 4, 2)).conv2d(3, (3, 3)).graph())
    for length in range(len(content)):
        assert _outcome(content[:length]) == "refused"


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 8, b"\x08\0\0\0TFL3", b"\xff\xff\xff\xffTFL3" + b"\0" * 64])
def test_tiny_files_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        parse_tflite(content, "net")


def test_a_vector_that_claims_the_whole_address_space_is_refused() -> None:
    graph = GraphBuilder("net", (1, 4)).fully_connected(3).graph()
    content = bytearray(tflite_bytes(graph))
    weights = content.find(graph.tensor("layer_0_weights").array.tobytes())
    content[weights - 4 : weights] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(ModelError, match="claims 4294967295 elements"):
        parse_tflite(bytes(content), "net")
