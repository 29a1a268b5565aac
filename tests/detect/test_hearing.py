# SPDX-License-Identifier: Apache-2.0
"""From a stream to outputs: the device's rows, the windows of a clip, outputs read as posteriors."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.detect.said import KEYWORDS, some_speech
from tests.graphs import GraphBuilder
from tests.projects import audio_front_end
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.stream import Stream, stream_of
from toolchain.detect.hearing import hear, rows_per_decision, usual_hop_ms
from toolchain.detect.listener import Listener, graph_posteriors, side_by_side, softmax
from toolchain.errors import DataError, ModelError
from toolchain.frontend import FeatureSpec, Frontend, Normalisation, hello_edge, peter2020
from toolchain.frontend.streaming import FrontEndStream, samples_before

LABELS = (*KEYWORDS, "silence", "unknown")


@pytest.fixture(scope="module")
def stream() -> Stream:
    return stream_of(some_speech(), StreamRecipe(seed=3, scene_s=7), 0.005)


def whole(windows: np.ndarray) -> np.ndarray:
    """A network that gives back what it is given."""
    return windows.reshape(len(windows), -1)


def listener(spec: FeatureSpec, normalisation: Normalisation) -> Listener:
    return Listener("whole", LABELS, spec, normalisation, whole, softmax)


@pytest.mark.parametrize("hop_ms", [20, 100, 980])
def test_a_decision_sees_what_a_clip_of_the_last_second_gives(stream: Stream, hop_ms: int) -> None:
    front_end = audio_front_end(centred=False)
    (heard,) = hear(stream, [listener(front_end.spec, front_end.normalisation)], hop_ms).heard
    audio = np.concatenate(list(stream.scenes()))
    assert heard.times.tolist() == list(range(16_000, len(audio) + 1, 16 * hop_ms))
    clips = np.stack([audio[time - 16_000 : time] for time in heard.times])
    expected = Frontend(front_end.spec, front_end.normalisation).features(clips)
    assert np.array_equal(heard.outputs, whole(expected))


def test_rows_do_not_depend_on_how_the_sound_arrives() -> None:
    front_end = audio_front_end(centred=True)
    spec = front_end.spec
    audio = np.random.default_rng(0).integers(-20_000, 20_000, 30_000).astype(np.int16)
    at_once = FrontEndStream(spec, front_end.normalisation).push(audio)
    assert len(at_once) == sum(samples_before(spec, row) <= len(audio) for row in range(1000))
    piecewise = FrontEndStream(spec, front_end.normalisation)
    cuts = [0, 1, 1, 319, 320, 5000, 5001, 29_000, 30_000]
    rows = [piecewise.push(audio[first:end]) for first, end in pairwise(cuts)]
    assert np.array_equal(np.concatenate(rows), at_once)
    with pytest.raises(DataError, match="a stream is int16"):
        piecewise.push(audio.astype(np.int32))


def test_listeners_hear_together_what_each_hears_alone(stream: Stream) -> None:
    """Two front ends and two networks behind one of them."""
    near, far = audio_front_end(centred=False), audio_front_end(centred=True)
    listeners = [listener(one.spec, one.normalisation) for one in (near, far, near)]
    listeners[2] = replace(listeners[2], run=lambda windows: whole(windows)[:, :3])
    together = hear(stream, listeners, 60)
    for one, heard in zip(listeners, together.heard, strict=True):
        alone = hear(stream, [one], 60)
        assert heard.listener is one and alone.sha256 == together.sha256
        assert np.array_equal(alone.heard[0].outputs, heard.outputs)
        assert np.array_equal(alone.heard[0].times, heard.times)
    assert together.heard[1].times[0] == samples_before(far.spec, far.spec.n_frames - 1)


def test_shares_of_a_batch_come_back_in_order() -> None:
    batch = np.arange(7, dtype=np.int8)[:, None, None]
    both = side_by_side([whole, whole])
    assert both(batch).ravel().tolist() == list(range(7))
    assert both(batch[:1]).ravel().tolist() == [0]


def test_outputs_become_posteriors_once() -> None:
    def net(finished: bool) -> GraphBuilder:
        builder = GraphBuilder("net", (1, 4), seed=1).fully_connected(3)
        return builder.softmax() if finished else builder

    outputs = np.array([[10, -5, 0], [127, -128, -128]], np.int8)
    logits, probabilities = net(False).graph(), net(True).graph()
    scale = logits.tensor(logits.outputs[0]).quantisation
    expected = softmax((outputs - np.float64(scale.zero_point)) * scale.scale)
    assert graph_posteriors(logits)(outputs) == pytest.approx(expected)
    read = graph_posteriors(probabilities)(outputs)
    assert read[1] == pytest.approx([255 / 256, 0, 0]) and read[0] == pytest.approx(np.array([138, 123, 128]) / 256)


def test_a_stream_shorter_than_a_window_is_refused(stream: Stream) -> None:
    spec = replace(hello_edge(10), clip_samples=400_000)
    long = listener(spec, audio_front_end(centred=False).normalisation)
    with pytest.raises(ModelError, match=r"whole: sees 25 s at once; the stream of 0.00583 h is shorter"):
        hear(stream, [long], 100)


def test_hops_that_do_not_fit_the_rows_are_refused() -> None:
    assert rows_per_decision(hello_edge(10), 100) == 5
    assert usual_hop_ms([hello_edge(10), peter2020(10)]) == 100
    assert usual_hop_ms([replace(hello_edge(10), hop_samples=480)]) == 90
    for hop_ms in (30, 0, 1000):
        with pytest.raises(ModelError, match=f"--hop-ms {hop_ms}: a decision comes every 1 to 49 rows"):
            rows_per_decision(hello_edge(10), hop_ms)
    with pytest.raises(ModelError, match="cannot hear a stream of 16000 Hz"):
        rows_per_decision(replace(hello_edge(10), sample_rate_hz=8000, high_hz=4000.0), 100)
