# SPDX-License-Identifier: Apache-2.0
"""AnyWidthNetwork: one network whose layers can take any of several widths, all of them trained together.

What rounding loses says little of what is lost after training. To train each of some 8^10 assignments of bits is out
of the question; so one network is trained for all of them at once, and assignments are compared by its weights. Each
layer has one real weight and, for each width, a quantiser of its own with its own steps:

    weight ──> 8 bits ─┐
           ──> 4 bits ─┼──> the one that stands, layer by layer ──> sums ──> batch norm
           ──> 2 bits ─┘

Every training step draws an assignment (as slimmable and once-for-all networks do with widths of layers: Yu et al.
1812.08928, Cai et al. 1908.09791). Layers that all draw for themselves would hardly ever be narrow together, and a
budget asks for just that; so a step first draws the width around which its layers lie, then each layer's, at most
two widths from there.

Batch norm's factors are shared, its statistics belong to one assignment and are measured anew for each that is judged.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.quantised import QuantisedNetwork, Weighted
from toolchain.nets.quantisers import Method, WeightQuantiser, weight_quantiser

# How far, in places among the widths, a layer may lie from the width that its step is about.
_SPREAD = 2


class Switched(WeightQuantiser):
    """Learned steps of several widths over one weight; `take` says which one stands. specs: at least one."""

    def __init__(self, weight: Tensor, specs: Sequence[WeightSpec]) -> None:
        super().__init__(weight, specs[0])
        self._by_width = nn.ModuleDict(
            {str(spec): weight_quantiser(Method.LEARNED_STEP, weight, spec) for spec in specs}
        )

    def take(self, spec: WeightSpec) -> None:
        """Have `spec` from now on, one of those that were given."""
        if str(spec) not in self._by_width:
            raise KeyError(f"no width {spec} among {', '.join(self._by_width)}")
        self.spec = spec

    def scales(self, trained: Tensor) -> Tensor:
        """[C'], of the width that stands."""
        return self._now.scales(trained)

    def forward(self, trained: Tensor, scales: Tensor) -> Tensor:
        """The reals on that width's grid, with its gradients."""
        on_grid: Tensor = self._now(trained, scales)
        return on_grid

    @property
    def _now(self) -> WeightQuantiser:
        quantiser = self._by_width[str(self.spec)]
        assert isinstance(quantiser, WeightQuantiser)
        return quantiser


class AnyWidthNetwork(QuantisedNetwork):
    """Made from a trained FloatNetwork, which stays as it is. specs: what each layer may take, ascending widths.

    While training each forward pass draws its assignment; in evaluation the one of the last `take` stands.
    """

    def __init__(self, source: FloatNetwork, specs: Mapping[str, Sequence[WeightSpec]]) -> None:
        narrowest = WeightPlan(layers={name: of[0] for name, of in specs.items()})
        super().__init__(source, narrowest, Method.LEARNED_STEP)
        self._specs = {name: tuple(of) for name, of in specs.items()}
        self._draws = np.random.default_rng(0)
        self._held = False
        for name, weighted in self._switched.items():
            weighted.quantiser = Switched(weighted.weight.detach(), specs[name])

    @property
    def _switched(self) -> dict[str, Weighted]:
        return {name: layer for name, layer in self.weighted.items() if isinstance(layer, Weighted)}

    def seed(self, seed: int, epoch: int) -> None:
        """Begin the draws of an epoch, the same whenever it runs."""
        self._draws = np.random.default_rng([seed, epoch, 0xB175])

    def take(self, assignment: Mapping[str, WeightSpec]) -> None:
        """Have those widths; layers that are not named keep theirs. Raises KeyError for one that a layer never had."""
        layers = self._switched
        for name, spec in assignment.items():
            quantiser = layers[name].quantiser
            assert isinstance(quantiser, Switched)  # __init__
            quantiser.take(spec)

    def forward(self, features: Tensor) -> Tensor:
        """features: as QuantisedNetwork -> logits."""
        if self.training and not self._held:
            self.take(self._drawn())
        return super().forward(features)

    @torch.no_grad()
    def settle(self, assignment: Mapping[str, WeightSpec], batches: Iterable[Tensor]) -> None:
        """Take an assignment for evaluation, batch norm measured under it. batches: inputs of training clips."""
        self.take(assignment)
        self._held = True
        try:
            update_bn(batches, self)
        finally:
            self._held = False
        self.eval()

    def _drawn(self) -> dict[str, WeightSpec]:
        """Around a common place among all widths; the nearest that a layer has."""
        widths = sorted({spec.bits for of in self._specs.values() for spec in of})
        middle = int(self._draws.integers(len(widths)))
        found = {}
        for name, of in self._specs.items():
            place = middle + int(self._draws.integers(-_SPREAD, _SPREAD + 1))
            wanted = widths[min(max(place, 0), len(widths) - 1)]
            nearest = min(abs(spec.bits - wanted) for spec in of)
            alike = [spec for spec in of if abs(spec.bits - wanted) == nearest]
            found[name] = alike[int(self._draws.integers(len(alike)))]
        return found
