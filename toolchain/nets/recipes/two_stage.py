# SPDX-License-Identifier: Apache-2.0
"""Two-stage training below eight bits, after Zeng et al. (arXiv 2207.06920).

    stage 1   weights squashed, W = s tanh(P), and put on their grid of b bits in every forward pass of its second half;
              biases, gains, batch norm and activations are real numbers
    stage 2   weights stand still on that grid; inputs, activations, biases, and the gains into which batch norm is
              folded, become integers, and what is left to train (gains, biases, ranges) settles on them

The paper names these parts and gives no formula. What is taken for each here:

* tanh: squashed weight distribution (Strom, Khan, Hamza, Interspeech 2022), which the authors' next paper names
  (2303.02284). P begins as N(0, 0.85^2), whose tanh is nearly uniform, and s, one number a layer, is such that W has
  the mean square that the family's own initialiser gives: for Glorot's bound a, s = a. It stays so (theirs is 1): batch
  norm takes up any factor in front of it, and where s was trained it was seen to walk through 0.
* What is stepped is Q = s P, so that W = s tanh(Q / s) moves as fast as a weight that is not squashed, and learning
  rates mean the same; P itself would be slower by s^2, about a hundred times. No weight decay: it would gather W around
  0, where squashing is there to spread it.
* Beginning: at random, or with the weights of a float network (--from): s is then where the grid of least squared error
  ends, or where a uniform W of that size would, whichever is further out.
* b bits: rounded in the second half of the stage, behind a float network in all of it, gradients straight through
  (Bengio et al. 1308.3432); only those epochs can be kept.
* regulariser: absolute cosine (2303.02284) while weights are rounded, weighted by --absolute-cosine.
* linear quantisation: the int8 grids, int32 biases and fixed-point factors of every training here (quantised.py). A
  gain is a factor of its channel's scale: folding it in leaves each integer as it is, but for the sign where the gain
  is negative, and the grids are symmetric.

It holds for every layer with weights; the paper's network has dense ones only.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from toolchain.arch.spec import ArchSpec
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.nets.checkpoint import StateDict
from toolchain.nets.loss import Loss
from toolchain.nets.modules import Connected, FloatNetwork, Window
from toolchain.nets.quantised import QuantisedNetwork, Weighted
from toolchain.nets.quantisers import Method, Squashed, WeightQuantiser, absolute_cosine, uniform_start
from toolchain.nets.recipes.straight_through import StraightThrough


class TwoStage(StraightThrough):
    """Squashed weights on their grid, then all the rest on its own."""

    @property
    def first_weight_decay(self) -> float:
        """None."""
        return 0.0

    @property
    def first_is(self) -> str:
        """Weights on their grid already."""
        return "weights on their grid, all else float"

    def first_network(self) -> FloatNetwork:
        """Squashed."""
        return SquashedNetwork(self.config.arch, self.config.weights)

    def begin_with(self, network: FloatNetwork, trained: StateDict) -> bool:
        """Squash them."""
        assert isinstance(network, SquashedNetwork)  # first_network
        network.begin_with(trained)
        return True

    def begin_first_epoch(self, network: FloatNetwork, epoch: int) -> bool:
        """What was kept before weights are rounded is not on any grid."""
        assert isinstance(network, SquashedNetwork)  # first_network
        network.round_weights(self._rounds(epoch))
        return epoch == self._first_rounded

    def first_loss(self, epoch: int) -> Loss:
        """With the regulariser, once weights are rounded."""
        weight = self.config.absolute_cosine if self._rounds(epoch) else 0.0
        return Loss(self.config.label_smoothing, absolute_cosine=weight)

    def second_network(self, trained: FloatNetwork) -> QuantisedNetwork:
        """The weights of `trained` as integers that no step moves."""
        assert isinstance(trained, SquashedNetwork)  # first_network
        network = QuantisedNetwork(trained, self.config.weights, Method.LEAST_SQUARES, per_tensor=True)
        squashed = trained.squashed()
        for name, weighted in network.weighted.items():
            assert isinstance(weighted, Weighted)
            weighted.quantiser = Held(weighted.weight, squashed[name])
            weighted.weight.requires_grad_(False)
        return network

    def second_loss(self, trained: Callable[[Tensor], Tensor]) -> Loss:
        """The labels'. Weights that stand still are as near to their grid as can be."""
        return Loss(self.config.label_smoothing)

    def _rounds(self, epoch: int) -> bool:
        return epoch >= self._first_rounded

    @property
    def _first_rounded(self) -> int:
        """The epoch: the first behind a float network, which has found its real weights, else half way."""
        return self.config.epochs // 2 if self.config.float_stage is None else 0


class SquashedWeight(nn.Module):
    """Q -> W: what torch puts in front of a layer's weight. State: s, and whether W is rounded."""

    rounded: Tensor

    def __init__(self, weight: Tensor, spec: WeightSpec) -> None:
        super().__init__()
        self.quantiser = Squashed(weight, spec, per_tensor=True)
        self.quantiser.range.requires_grad_(False)
        self.register_buffer("rounded", torch.tensor(False))

    def forward(self, trained: Tensor) -> Tensor:
        """W, in the shape of Q."""
        squashed = trained / self.quantiser.range
        if not self.rounded:
            return self.quantiser.shadow(squashed)
        on_grid: Tensor = self.quantiser(squashed, self.scale.expand(len(squashed)))
        return on_grid

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The Q of a weight: what torch begins with."""
        return self.quantiser.start(weight) * self.quantiser.range

    @torch.no_grad()
    def initialise(self, trained: Tensor, mean_square: float, generator: torch.Generator) -> None:
        """Draw Q, and set s so that W, uniform on (-s, s), has this mean square: s^2 / 3."""
        self.quantiser.range.fill_(math.sqrt(3 * mean_square))
        trained.copy_(uniform_start(trained.shape, generator) * self.quantiser.range)

    @torch.no_grad()
    def begin_with(self, trained: Tensor, weight: Tensor) -> None:
        """Q of a trained weight. s is where its least-squares grid ends, or where a uniform W of its size would.

        At 1 and 2 bits the former lies at the weights' mean, and half of them would begin where tanh is flat.
        """
        uniform = weight.square().mean().mul(3).sqrt()
        found = Squashed(weight, self.quantiser.spec, per_tensor=True).range
        self.quantiser.range.copy_(torch.maximum(found, uniform))
        trained.copy_(self.right_inverse(weight))

    @property
    def scale(self) -> Tensor:
        """Real value of integer 1, [1]."""
        return self.quantiser.range / self.quantiser.spec.limit

    def distance_from_grid(self, trained: Tensor) -> Tensor:
        """Mean |cos|: 0 on the grid, 1 half way between two integers."""
        steps = self.quantiser.steps(trained / self.quantiser.range)
        return absolute_cosine(steps, torch.ones(len(steps), device=steps.device), self.quantiser.spec)


class SquashedNetwork(FloatNetwork):
    """The network of stage 1. plan: bits and grid of each layer's weights."""

    def __init__(self, arch: ArchSpec, plan: WeightPlan) -> None:
        super().__init__(arch)
        for name, sums in self._weighted().items():
            parametrize.register_parametrization(sums, "weight", SquashedWeight(sums.weight, plan.of(name)))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Q at random, s by the size of the weights that the family's authors draw, biases as they have them."""
        usual = FloatNetwork(self.arch)
        usual.initialise(generator)
        for name, drawn in _weighted_modules(usual).items():
            sums = self._weighted()[name]
            mean_square = float(drawn.weight.square().mean())
            _weight_of(sums).initialise(_trained_of(sums), mean_square, generator)
            if sums.bias is not None and drawn.bias is not None:
                sums.bias.copy_(drawn.bias)

    @torch.no_grad()
    def begin_with(self, trained: StateDict) -> None:
        """The weights of a trained FloatNetwork, squashed; all else as it is there."""
        usual = FloatNetwork(self.arch)
        usual.load_state_dict(trained)
        state = self.state_dict()
        for name, value in trained.items():
            if name in state:
                state[name].copy_(value)
        for name, weights in _weighted_modules(usual).items():
            sums = self._weighted()[name]
            _weight_of(sums).begin_with(_trained_of(sums), weights.weight)

    def round_weights(self, rounded: bool) -> None:
        """Whether forward passes see weights on their grid from now on."""
        for weight in self.squashed().values():
            weight.rounded.fill_(rounded)

    def squashed(self) -> dict[str, SquashedWeight]:
        """By layer, what makes its weights."""
        return {name: _weight_of(sums) for name, sums in self._weighted().items()}

    def distance_from_grid(self) -> Tensor:
        """Mean over the layers with weights of their |cos| (`absolute_cosine`)."""
        layers = self._weighted().values()
        return torch.stack([_weight_of(sums).distance_from_grid(_trained_of(sums)) for sums in layers]).mean()

    def _weighted(self) -> dict[str, nn.Conv2d | nn.Linear]:
        return _weighted_modules(self)


class Held(WeightQuantiser):
    """Weights that are on their grid and stay: the one scale that their layer ended stage 1 with."""

    scale: Tensor

    def __init__(self, weight: Tensor, squashed: SquashedWeight) -> None:
        super().__init__(weight, squashed.quantiser.spec, per_tensor=True)
        self.register_buffer("scale", squashed.scale.detach().clone())

    def scales(self, trained: Tensor) -> Tensor:
        """[C'], all equal."""
        return self.scale.expand(len(trained))


def _weighted_modules(network: FloatNetwork) -> dict[str, nn.Conv2d | nn.Linear]:
    """By layer, the modules that hold weights."""
    units = {name: unit for name, unit in network.units.items() if isinstance(unit, Window | Connected)}
    return {name: unit.conv if isinstance(unit, Window) else unit.linear for name, unit in units.items()}


def _weight_of(sums: nn.Module) -> SquashedWeight:
    found = sums.get_submodule("parametrizations.weight.0")
    assert isinstance(found, SquashedWeight)
    return found


def _trained_of(sums: nn.Module) -> Tensor:
    return sums.get_parameter("parametrizations.weight.original")
