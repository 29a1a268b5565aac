# SPDX-License-Identifier: Apache-2.0
"""Small networks and inputs for the tests of training."""

import numpy as np
import torch
from torch import Tensor

from toolchain.arch import ArchSpec
from toolchain.arch.ds_cnn import DsCnn, Stage
from toolchain.arch.peter2020 import Peter2020
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.quantised import QuantisedNetwork


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
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.3, 1.7, generator=generator)
                module.weight[0] *= -1
                module.bias.uniform_(-0.5, 0.5, generator=generator)
        network.train()
        for step in range(30):
            network(random_features(arch, 20, seed=step + 1000))
    return network.eval()


def measured(network: FloatNetwork, batches: int = 3) -> QuantisedNetwork:
    """The quantised form with measured ranges, in evaluation mode."""
    quantised = QuantisedNetwork(network, weight_bits=8).eval()
    with torch.no_grad(), quantised.observing():
        for step in range(batches):
            quantised(random_features(network.arch, 20, seed=step))
    return quantised
