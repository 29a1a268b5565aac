# SPDX-License-Identifier: Apache-2.0
"""Small networks and inputs for the tests of training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from toolchain.arch import ArchSpec
from toolchain.arch.build import Builder
from toolchain.arch.ds_cnn import DsCnn, Stage
from toolchain.arch.feed_forward import FeedForward
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.peter2020 import Peter2020
from toolchain.arch.weights import ALL_EIGHT_BITS, WeightPlan
from toolchain.graph.ops import Pair
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.quantised import QuantisedNetwork
from toolchain.nets.quantisers import Method


def tiny_ds_cnn(frames: int = 49, coefficients: int = 10, classes: int = 12) -> DsCnn:
    """Two layers' worth of DS-CNN: an even kernel, an odd one, a stride that leaves a remainder."""
    return DsCnn(
        name="tiny",
        frames=frames,
        coefficients=coefficients,
        classes=classes,
        stem=Stage(8, (10, 4), (2, 2)),
        blocks=(Stage(8, (3, 3), (2, 2)), Stage(12, (3, 3))),
    )


def small_mbc() -> Peter2020:
    """Residuals with and without expansion, the smallest width."""
    return Peter2020(name="small.mbc", coefficients=10, width=0.75, blocks=("k5e2", "k3e1", "k3e2", *["id"] * 9))


def tiny_stream() -> FeedForward:
    """A window of log-mel frames, two hidden layers."""
    return FeedForward(name="tiny.stream", frames=49, coefficients=4, widths=(10, 7))


@dataclass(frozen=True, kw_only=True)
class Flattening(FeedForward):
    """A convolution of five channels in front: the dense layer reads a map whose channels are not one."""

    def layers(self) -> tuple[Layer, ...]:
        """stem, hidden, classifier."""
        build = Builder(self.frames, self.coefficients)
        build.conv("stem", 5, Activation.RELU6, Pair(3, 3), Pair(2, 2))
        build.hidden("hidden", self.widths[0], Activation.RELU)
        build.dense("classifier", self.classes)
        return build.layers


def flattening() -> Flattening:
    """Maps of 5 x 3 x 5, flattened."""
    return Flattening(name="flattening", frames=9, coefficients=6, widths=(8,), classes=4)


def random_features(arch: ArchSpec, n: int, seed: int = 0) -> Tensor:
    """Network inputs float32 [n, 1, T, F]: every int8, / 32."""
    drawn = np.random.default_rng(seed).integers(-128, 128, (n, 1, arch.frames, arch.coefficients))
    return torch.from_numpy(drawn.astype(np.float32) / 32)


def lived_in(arch: ArchSpec, seed: int = 0) -> FloatNetwork:
    """A FloatNetwork whose batch norms have statistics, factors and offsets of their own, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    network = FloatNetwork(arch)
    network.initialise(generator)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.weight.uniform_(0.3, 1.7, generator=generator)
                module.weight[0] *= -1
                module.bias.uniform_(-0.5, 0.5, generator=generator)
        network.train()
        for step in range(30):
            network(random_features(arch, 20, seed=step + 1000))
    return network.eval()


def measured(
    network: FloatNetwork,
    plan: WeightPlan = ALL_EIGHT_BITS,
    method: Method = Method.MAX_ABS,
    inputs: Sequence[Tensor] | None = None,
) -> QuantisedNetwork:
    """The quantised form with ranges measured over batches of inputs, in evaluation mode."""
    quantised = QuantisedNetwork(network, plan, method).eval()
    with torch.no_grad(), quantised.observing():
        for batch in inputs or [random_features(network.arch, 20, seed=step) for step in range(3)]:
            quantised(batch)
    return quantised
