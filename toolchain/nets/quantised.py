# SPDX-License-Identifier: Apache-2.0
"""QuantisedNetwork: the network as it will be deployed, batch norm folded away, every value on its integer grid.

It is made from a trained FloatNetwork and trained on. The forward pass computes in floats what the integers stand
for; `integers()` gives those integers. One quantiser stands behind every layer, so every value that a later layer
reads has one scale, as in the ONNX file and the Graph.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from toolchain.arch.layer import NETWORK_INPUT, Add, Conv, Dense, Depthwise, GlobalAveragePool, Layer
from toolchain.nets.integers import IntegerLayer, IntegerNetwork, IntegerWeights
from toolchain.nets.modules import Connected, FloatNetwork, Walk, Window, convolve
from toolchain.nets.quantisers import (
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    ActivationGrid,
    MidTread,
    bias_integers,
    channel_scales,
    quantise_bias,
    quantise_weight,
    weight_grid,
)


def fold_batch_norm(unit: Window | Connected) -> tuple[Tensor, Tensor]:
    """Weight and bias that give, without batch norm, what `unit` gives with its running statistics.

    Computed in float64, rounded once to float32.
    """
    sums, norm = unit.conv if isinstance(unit, Window) else unit.linear, unit.norm
    weight = sums.weight.detach().double()
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        assert sums.bias is not None  # A unit gives its sums a bias where it has no batch norm.
        return weight.float(), sums.bias.detach().clone()
    assert norm.running_mean is not None and norm.running_var is not None  # tracked by default
    factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = norm.bias.detach().double() - norm.running_mean.double() * factor
    return (weight * factor.view(-1, *(1,) * (weight.dim() - 1))).float(), bias.float()


class Weighted(nn.Module):
    """Folded weight and bias of one Conv, Depthwise or Dense layer, put on their grids at every use."""

    def __init__(self, layer: Conv | Depthwise | Dense, weight: Tensor, bias: Tensor, grid: MidTread) -> None:
        super().__init__()
        self.layer = layer
        self.grid = grid
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def _scales(self, input_scale: Tensor) -> tuple[Tensor, Tensor]:
        scales = channel_scales(self.grid, self.weight, self.bias, input_scale)
        return scales, input_scale * scales

    def forward(self, x: Tensor, input_scale: Tensor) -> Tensor:
        """x: the reals of the layer's input, on a grid of `input_scale` -> sums, before activation and quantiser."""
        scales, bias_scales = self._scales(input_scale)
        weight = quantise_weight(self.grid, self.weight, scales)
        bias = quantise_bias(self.bias, bias_scales)
        if isinstance(self.layer, Dense):
            return F.linear(x.flatten(1), weight, bias)
        return convolve(x, self.layer, weight, bias)

    @torch.no_grad()
    def integers(self, input_scale: Tensor) -> IntegerWeights:
        """The integers behind `forward`."""
        scales, bias_scales = self._scales(input_scale)
        return IntegerWeights(
            weights=self.grid.integers(self.weight, scales).contiguous().cpu().numpy().astype(np.int8),
            scales=scales.cpu().numpy().astype(np.float32),
            bias=bias_integers(self.bias, bias_scales).cpu().numpy().astype(np.int32),
            bias_scales=bias_scales.cpu().numpy().astype(np.float32),
        )


class QuantisedNetwork(nn.Module):
    """Made from a FloatNetwork, which stays as it is. Raises ModelError for a weight width that cannot be trained."""

    input_scale: Tensor

    def __init__(self, source: FloatNetwork, weight_bits: int) -> None:
        super().__init__()
        self.arch = source.arch
        self.layers = source.layers
        grid = weight_grid(weight_bits)
        self.weighted = nn.ModuleDict()
        self.grids = nn.ModuleDict()
        for layer in self.layers:
            unit = source.units[layer.name]
            if isinstance(layer, Conv | Depthwise | Dense) and isinstance(unit, Window | Connected):
                self.weighted[layer.name] = Weighted(layer, *fold_batch_norm(unit), grid)
            self.grids[layer.name] = ActivationGrid(layer.activation)
        self.register_buffer("input_scale", torch.tensor(INPUT_SCALE))
        self._walk = Walk(self.layers)
        self._observing = False

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Within the block each forward pass moves the activation ranges."""
        self._observing = True
        try:
            yield
        finally:
            self._observing = False

    def forward(self, features: Tensor) -> Tensor:
        """features: float32 [N, 1, T, F], int8 features / 32 -> logits [N, classes], on their grid."""
        values = {NETWORK_INPUT: features}
        result = features
        for layer, spent in self._walk:
            result = self._sums(layer, *(values[name] for name in layer.reads))
            grid = self._grid(layer.name)
            if self._observing:
                grid.observe(result)
            result = grid(result)
            values[layer.name] = result
            for name in spent:
                del values[name]
        return result

    def _sums(self, layer: Layer, x: Tensor, *others: Tensor) -> Tensor:
        match layer:
            case Add():
                return x + others[0]
            case GlobalAveragePool():
                return x.mean((2, 3))
        sums: Tensor = self.weighted[layer.name](x, self._scale(layer.input))
        return sums

    def _grid(self, name: str) -> ActivationGrid:
        grid = self.grids[name]
        assert isinstance(grid, ActivationGrid)
        return grid

    def _scale(self, name: str) -> Tensor:
        return self.input_scale if name == NETWORK_INPUT else self._grid(name).scale

    @torch.no_grad()
    def integers(self) -> IntegerNetwork:
        """Every integer and scale of the deployed network."""
        found = []
        by_name = dict(self.weighted.items())
        for layer in self.layers:
            grid = self._grid(layer.name)
            weighted = by_name.get(layer.name)
            weights = weighted.integers(self._scale(layer.input)) if isinstance(weighted, Weighted) else None
            found.append(IntegerLayer(layer, float(grid.scale), int(grid.zero_point), weights))
        return IntegerNetwork(self.arch, INPUT_SCALE, INPUT_ZERO_POINT, tuple(found))
