# SPDX-License-Identifier: Apache-2.0
"""Known answers: inputs that a firmware can make by itself, and what must come out, by the reference interpreter.

The same cases serve every board and runtime: extremes, the full range, half of it, and values near zero, which is
where a trained network lives.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.export.project.front_end import FrontEnd
from toolchain.export.project.patterns import pattern, rising_tone
from toolchain.frontend.numpy_frontend import features
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch

# Bytes of each output that the firmware carries in full, so that it can say where it went wrong.
FIRST_BYTES = 16
# Hops that the test sound goes on for behind its first clip, with a decision at each.
STREAM_HOPS = 4


@dataclass(frozen=True)
class Answer:
    """crc: CRC-32 of all outputs, one behind the other. first: the first bytes of the first output."""

    crc: int
    first: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """One input, made from `seed` with values low..high, and its answer."""

    name: str
    seed: int
    low: int
    high: int
    answer: Answer


@dataclass(frozen=True)
class SoundCase:
    """What comes of the test sound: CRC-32 of the first clip's features, and the answer.

    stream_crc: CRC-32 of the outputs at the STREAM_HOPS next hops, one behind the other.
    """

    features_crc: int
    answer: Answer
    stream_crc: int


@dataclass(frozen=True)
class KnownAnswers:
    """All of a firmware's self-test; empty for one that gets its inputs from a file."""

    cases: tuple[Case, ...] = ()
    sound: SoundCase | None = None


def known_answers(graph: Graph, front_end: FrontEnd | None) -> KnownAnswers:
    """Run the reference interpreter over the self-test's inputs."""
    zero = graph.tensor(graph.inputs[0]).quantisation.zero_point
    ranges = (
        ("lowest", 1, -128, -128),
        ("highest", 1, 127, 127),
        ("full range", 2, -128, 127),
        ("half range", 3, -64, 63),
        ("near zero", 4, max(zero - 8, -128), min(zero + 8, 127)),
    )
    answers = [_answer(outputs) for outputs in _outputs(graph, [_inputs(graph, *drawn[1:]) for drawn in ranges])]
    cases = tuple(Case(*drawn, answer) for drawn, answer in zip(ranges, answers, strict=True))
    return KnownAnswers(cases, None if front_end is None else _sound_case(graph, front_end))


def _inputs(graph: Graph, seed: int, low: int, high: int) -> dict[str, NDArray[np.int8]]:
    """One run of random values over all inputs in their order, as app/main.c fills them."""
    names = tuple(dict.fromkeys(graph.inputs))
    sizes = [graph.tensor(name).n_elements for name in names]
    values = np.split(pattern(seed, low, high, sum(sizes)), np.cumsum(sizes)[:-1])
    return {name: part.reshape(graph.tensor(name).shape) for name, part in zip(names, values, strict=True)}


def _sound_case(graph: Graph, front_end: FrontEnd) -> SoundCase:
    """The windows of the test sound, a hop apart, as a stream gives them."""
    spec = front_end.spec
    sound = rising_tone(spec.clip_samples + STREAM_HOPS * spec.hop_samples)
    clips = np.stack([sound[hop * spec.hop_samples :][: spec.clip_samples] for hop in range(STREAM_HOPS + 1)])
    windows = features(spec, front_end.normalisation, clips)
    shape = graph.tensor(graph.inputs[0]).shape
    first, *others = _outputs(graph, [{graph.inputs[0]: window.reshape(shape)} for window in windows])
    stream_crc = zlib.crc32(b"".join(output.tobytes() for outputs in others for output in outputs))
    return SoundCase(zlib.crc32(windows[0].tobytes()), _answer(first), stream_crc)


def _outputs(graph: Graph, batch: list[dict[str, NDArray[np.int8]]]) -> list[list[NDArray[np.int8]]]:
    """All outputs for each of the inputs."""
    values = run_batch(graph, {name: np.stack([inputs[name] for inputs in batch]) for name in batch[0]})
    outputs = [values[name] for name in dict.fromkeys(graph.outputs)]
    return [[output[index] for output in outputs] for index in range(len(batch))]


def _answer(outputs: list[NDArray[np.int8]]) -> Answer:
    return Answer(
        zlib.crc32(b"".join(output.tobytes() for output in outputs)),
        tuple(int(value) for value in outputs[0].reshape(-1)[:FIRST_BYTES]),
    )
