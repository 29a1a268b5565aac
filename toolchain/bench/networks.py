# SPDX-License-Identifier: Apache-2.0
"""Network: what is benchmarked. From files, from the built-in library, generated, and single layers."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolchain.arch import load_arch
from toolchain.arch.build import Builder
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.untrained import untrained_graph
from toolchain.bench.generated import GENERATED, generated_layers, generated_title
from toolchain.bench.peers import Peers, known_peers
from toolchain.bench.result import Origin
from toolchain.errors import BenchError
from toolchain.graph.cost import graph_cost
from toolchain.graph.graph import Graph
from toolchain.graph.model import load_model
from toolchain.graph.names import identifier
from toolchain.graph.ops import Pair

# Cores on which the peers' study measured single layers.
LAYER_CORES = ("cortex-m4", "cortex-m55")

# Of the 39 built-in ones: Hello Edge's three, and two of Peter et al. (windows up to 7x7).
BUILT_IN = ("ds_cnn_s", "ds_cnn_m", "ds_cnn_l", "pless_sweep_4", "pless_sweep_5")


@dataclass(frozen=True, eq=False)
class Network:
    """One network. name: unique in a run; of a named one the id of its peers' figures."""

    name: str
    title: str
    origin: Origin
    graph: Graph


def models_in(folder: Path) -> tuple[Path, ...]:
    """The model files of a folder, by name; () where there is no such folder. Raises BenchError for a file."""
    if folder.exists() and not folder.is_dir():
        raise BenchError(f"{folder}: is no folder of models; to measure one model, name it without --models")
    return tuple(sorted(path for path in folder.glob("*") if path.suffix in (".tflite", ".onnx")))


def network_of(path: Path, peers: Peers | None = None) -> Network:
    """A user's model: run folder, .onnx or .tflite; a named network if the peers' figures are about this very file.

    They are where its hash is the one in peers.toml or, where that knows none, name and products are the same. Raises
    ModelError as load_model does.
    """
    graph = load_model(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    macs = graph_cost(graph).macs
    for subject in (peers or known_peers()).subjects:
        same = digest == subject.sha256 if subject.sha256 else (path.stem, macs) == (subject.id, subject.macs)
        if same:
            return Network(subject.id, subject.title, Origin.NAMED, graph)
    return Network(identifier(path.resolve().stem), path.resolve().name, Origin.GIVEN, graph)


def library_networks() -> tuple[Network, ...]:
    """The built-in architectures of BUILT_IN, then the generated networks; their weights come from a seed."""
    built_in = tuple(
        Network(name, _architecture_title(name), Origin.BUILT_IN, untrained_graph(name, load_arch(name).layers()))
        for name in BUILT_IN
    )
    generated = tuple(
        Network(name, generated_title(name), Origin.GENERATED, untrained_graph(name, generated_layers(name)))
        for name in GENERATED
    )
    return built_in + generated


def _architecture_title(name: str) -> str:
    family = {"ds_cnn": "Hello Edge", "peter2020": "Peter et al."}[load_arch(name).family]
    return f"{name}, the architecture of {family}"


def layer_networks(peers: Peers | None = None) -> tuple[Network, ...]:
    """The single layers that the peers were measured on, each as a network of that one layer."""
    known = peers or known_peers()
    return tuple(
        Network(name, known.subject(name).title, Origin.LAYER, untrained_graph(name, layers))
        for name, layers in _peers_layers().items()
    )


def _peers_layers() -> dict[str, tuple[Layer, ...]]:
    """Subject of peers.toml -> its layer. ReLU behind each, 1x1 and SAME padding, strides of 1."""

    def conv(size: int, channels: int, kernel: Pair) -> tuple[Layer, ...]:
        build = Builder(size, size, channels)
        build.conv("layer", channels, Activation.RELU, kernel)
        return build.layers

    depthwise = Builder(12, 12, 64)
    depthwise.depthwise("layer", Activation.RELU, Pair(3, 3))
    dense = Builder(1, 1, 640)
    dense.dense("layer", 128)
    return {
        "conv_1x1_64": conv(12, 64, Pair()),
        "conv_1x1_128": conv(6, 128, Pair()),
        "conv_3x3_32": conv(16, 32, Pair(3, 3)),
        "depthwise_3x3_64": depthwise.layers,
        "fully_connected_640": dense.layers,
    }


def check_names(networks: Iterable[Network]) -> None:
    """Raises BenchError where two networks have one name: their figures could not be told apart."""
    seen: set[str] = set()
    for network in networks:
        if network.name in seen:
            raise BenchError(f"two networks are called {network.name}; rename one of the files")
        seen.add(network.name)
