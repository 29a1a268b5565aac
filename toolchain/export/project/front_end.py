# SPDX-License-Identifier: Apache-2.0
"""FrontEnd: what stands before an audio network, as its model file says it."""

from dataclasses import dataclass

from toolchain.errors import ModelError, SubbyteError
from toolchain.frontend import FeatureSpec, Normalisation
from toolchain.graph.graph import Graph
from toolchain.graph.model import ModelInfo


@dataclass(frozen=True)
class FrontEnd:
    """Sound in, the network's input out."""

    spec: FeatureSpec
    normalisation: Normalisation

    @property
    def streams(self) -> bool:
        """Whether a stream has a clip's frames. A centred one at the clip's edge sees samples that no stream has."""
        return self.spec.centre_pad == 0


def front_end_parts(info: ModelInfo) -> FrontEnd | None:
    """The front end that the model was trained on; None where its file names none.

    Raises ModelError where what it says is no front end, or not one for this network's input.
    """
    if info.feature_spec is None or info.normalisation is None:
        return None
    try:
        spec = FeatureSpec.from_dict(info.feature_spec)
        front_end = FrontEnd(spec, Normalisation.from_dict(info.normalisation))
    except SubbyteError as error:
        raise ModelError(f"{info.graph.name}: its file says what its front end is, but {error}") from error
    check_front_end(info.graph, front_end)
    return front_end


def check_front_end(graph: Graph, front_end: FrontEnd) -> None:
    """Raises ModelError where `graph` does not take what `front_end` gives."""
    inputs = tuple(dict.fromkeys(graph.inputs))
    spec = front_end.spec
    if len(inputs) != 1 or graph.tensor(inputs[0]).n_elements != spec.n_frames * spec.n_features:
        shapes = ", ".join(str(list(graph.tensor(name).shape)) for name in inputs)
        raise ModelError(
            f"graph {graph.name}: its input {shapes} is not the {spec.n_frames} x {spec.n_features} features of the "
            f"front end: they belong to two different runs"
        )
