# SPDX-License-Identifier: Apache-2.0
"""Real inputs: clips of a corpus through the front end that the model's file names.

A model that carries a FeatureSpec and a Normalisation says how sound becomes its input; the corpus is split as
training split it (same seed), so that the clips of the test part were never trained on.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.data.corpus import Corpus, Split, load_corpus
from toolchain.data.layout import KEYWORDS, SILENCE, UNKNOWN, Partition
from toolchain.errors import ModelError
from toolchain.frontend import FeatureSpec, Frontend, Normalisation
from toolchain.graph.graph import Graph
from toolchain.graph.model import ModelInfo
from toolchain.progress import Progress, silent


def front_end_of(info: ModelInfo) -> Frontend:
    """The front end that `info` names, compiled for this machine.

    Raises ModelError where the model names none, or one whose frames do not fit its input.
    """
    if info.feature_spec is None or info.normalisation is None:
        raise ModelError(
            f"graph {info.graph.name}: its file does not say how sound becomes its input (feature_spec and "
            f"normalisation, which `subbyte train` writes), so it cannot be given audio"
        )
    spec = FeatureSpec.from_dict(info.feature_spec)
    if len(info.graph.inputs) != 1 or input_of(info.graph) != spec.shape:
        shapes = ", ".join(str(list(info.graph.tensor(name).shape)) for name in info.graph.inputs)
        raise ModelError(f"graph {info.graph.name}: front end of {spec.shape} frames, input of {shapes}")
    return Frontend(spec, Normalisation.from_dict(info.normalisation))


def input_of(graph: Graph) -> tuple[int, ...]:
    """(T, F) of a network of one input [1, T, F, 1]; another shape as it is."""
    shape = graph.tensor(graph.inputs[0]).shape
    return shape[1:3] if len(shape) == 4 and shape[0] == shape[3] == 1 else shape


def as_inputs(graph: Graph, features: NDArray[np.int8]) -> dict[str, NDArray[np.int8]]:
    """Features int8 [N, T, F] as the batch of the graph's one input."""
    name = graph.inputs[0]
    return {name: features.reshape(len(features), *graph.tensor(name).shape)}


@dataclass(frozen=True, eq=False)
class Clips:
    """One part of a corpus, and the sentence on whether its accuracies may be set beside published ones."""

    split: Split
    comparability: str


def keywords_of(info: ModelInfo) -> tuple[str, ...]:
    """The classes before silence and unknown. Raises ModelError where the file names no classes, or others."""
    labels = info.labels
    if not labels:
        raise ModelError(
            f"graph {info.graph.name}: its file names no classes (labels, which `subbyte train` writes), so its "
            f"outputs cannot be held against a corpus"
        )
    if labels[-2:] != (SILENCE, UNKNOWN) or len(labels) < 3:
        raise ModelError(
            f"graph {info.graph.name}: its classes are {', '.join(labels)}; a corpus gives keywords, then {SILENCE} "
            f"and {UNKNOWN}, as in {KEYWORDS[0]}, {KEYWORDS[1]}, {SILENCE}, {UNKNOWN}"
        )
    return labels[:-2]


def load_clips(info: ModelInfo, folder: Path, partition: Partition, *, seed: int, progress: Progress = silent) -> Clips:
    """The clips of one partition, labelled as the model's outputs are.

    Raises as keywords_of and load_corpus do.
    """
    keywords = keywords_of(info)
    corpus = load_corpus(folder, seed=seed, keywords=keywords, progress=progress)
    return Clips(_part(corpus, partition), corpus.comparability)


def _part(corpus: Corpus, partition: Partition) -> Split:
    return {Partition.TRAIN: corpus.train, Partition.VALIDATION: corpus.validation, Partition.TEST: corpus.test}[
        partition
    ]
