# SPDX-License-Identifier: Apache-2.0
"""What each layer costs in flash at each width, by the generator's own numbers; nothing here knows a layout.

    flash of a firmware = constants of each layer + code of each kernel, once + everything else

For each width the network is generated with all layers at it; every layer's constants (packed weights with their
padding, biases, tables, parameters) and the files of its kernel are read off the result. A mixed network may still be
given other kernels than its parts, since layers share code; so `flash_of` generates what is asked, and the search
holds its candidates against that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from toolchain.arch.weights import WeightSpec
from toolchain.bits.trials import Assignment
from toolchain.export.c import CModel
from toolchain.export.c.costs import cost_table
from toolchain.graph.graph import Graph

# An assignment of all layers -> the network with those bits.
Rounded = Callable[[Assignment], Graph]
Generate = Callable[[Graph], CModel]


@dataclass(frozen=True)
class Price:
    """constant_bytes: of the layer alone. files: C files of its kernel."""

    constant_bytes: int
    files: frozenset[str]


@dataclass(frozen=True)
class Prices:
    """layers: name -> spec -> its price. files: bytes of code of each file. rest_bytes: of the layers without weights,
    their constants and the files that they need anyway."""

    layers: Mapping[str, Mapping[WeightSpec, Price]]
    files: Mapping[str, int]
    rest_bytes: int


def code_bytes(files: Sequence[str], model: CModel) -> int:
    """Code of kernels on the model's core, as measured (`make costs`); 0 for a file that was not."""
    costs = cost_table(model.core.name)
    return sum(costs.file_bytes.get(file, 0) for file in files) if costs else 0


def flash_of(model: CModel) -> int:
    """What a network itself takes: its constants and the code of its kernels."""
    return model.constant_bytes + code_bytes(model.kernels, model)


def layer_prices(
    options: Mapping[str, Sequence[WeightSpec]],
    rounded: Rounded,
    generate: Generate,
    told: Callable[[int, int], None],
) -> Prices:
    """Prices of each layer's specs. told: how many of the networks have been generated."""
    specs = sorted({spec for of in options.values() for spec in of}, key=lambda spec: (spec.bits, spec.grid))
    prices: dict[str, dict[WeightSpec, Price]] = {name: {} for name in options}
    files: dict[str, int] = {}
    anyway: set[str] = set()
    constants = 0
    for done, spec in enumerate(specs):
        told(done, len(specs))
        model = generate(rounded({name: spec if spec in of else of[0] for name, of in options.items()}))
        constants = 0
        for layer in model.whole_layers:
            used = frozenset(layer.files)
            files |= {file: code_bytes([file], model) for file in used}
            if layer.name in options:
                if spec in options[layer.name]:
                    prices[layer.name][spec] = Price(layer.constant_bytes, used)
            else:
                constants += layer.constant_bytes
                anyway |= used
    told(len(specs), len(specs))
    rest = constants + sum(files[file] for file in anyway)
    return Prices(prices, {file: 0 if file in anyway else size for file, size in files.items()}, rest)
