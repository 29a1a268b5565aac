# SPDX-License-Identifier: Apache-2.0
"""How real weights become integers of 1 to 8 bits, each method with its definition, and the biases beside them.

    real = scale * integer, zero point 0; one scale an output channel, or one for the tensor

    mid-tread, b bits    -(2^(b-1) - 1) .. 2^(b-1) - 1           e.g. 3 bits   -3 -2 -1  0  1  2  3
    mid-rise, b bits     odd integers -(2^b - 1) .. 2^b - 1           2 bits   -3    -1     1     3

Every method is a WeightQuantiser. What is trained (`start`) is mostly the weight itself; `shadow` makes of it the real
weight that is rounded; `scales` says how far apart the grid's integers lie; calling it gives the weight on its grid,
whose backward pass is the method's. Rounding has no derivative worth the name, so a gradient passes it as if it were
not there (straight-through estimator, Bengio et al. 1308.3432); what else happens to it stands with each method.

    method          shadow                  scale of integer 1                         gradient
    max-abs         w                       max|w| / limit                             passes
    least-squares   w                       that of the smallest squared error         passes
    learned-step    w                       trained                                    stops beyond the grid
    squashed        s tanh(p), p trained    s / limit                                  s (1 - tanh^2 p)
    dorefa          tanh(w) / max|tanh(w)|  1 / limit (1 bit: mean|w|)                 of tanh and of the maximum
    fixed-range     w                       1 / limit                                  passes

A network rounded without any training is `start`, `shadow`, `scales` and `integers`, with nothing in between.
Unit ranges (the last two) are in units of the layer's largest weight when the method begins: batch norm behind a
convolution makes such a factor meaningless, and a dense layer has none behind it that could take it up.
"""

import math
from abc import abstractmethod
from enum import StrEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from toolchain.arch.weights import MAX_BITS, WeightSpec
from toolchain.graph.tensor import Grid
from toolchain.nets.activation_grid import SMALLEST_SCALE

# A bias keeps within a quarter of int32, so that adding the accumulator cannot overflow.
_LARGEST_BIAS = 1 << 29
# Candidates of the search for the scale of least squared error, as shares of the scale that holds the largest weight:
# from below where 1 bit has it (mean|w| / max|w|) to a quarter beyond.
_SEARCHED_SHARES = tuple(0.08 * 1.08**step for step in range(37))
# tanh(p) of the weights at the ends of the range when squashing begins: further out they would hardly move any more.
_SQUASHED_END = 0.98
# Standard deviation of p for which s tanh(p) is closest to uniform; Kolmogorov-Smirnov distance 0.0096.
UNIFORM_DEVIATION = 0.85


class Method(StrEnum):
    """How weights are put on their grid while training."""

    MAX_ABS = "max-abs"
    LEAST_SQUARES = "least-squares"
    LEARNED_STEP = "learned-step"
    SQUASHED = "squashed"
    DOREFA = "dorefa"
    FIXED_RANGE = "fixed-range"

    @property
    def usual_grid(self) -> Grid | None:
        """The grid that the method's authors define it on; None where it is at home on both."""
        return Grid.MID_RISE if self in (Method.DOREFA, Method.FIXED_RANGE) else None


def nearest(steps: Tensor, spec: WeightSpec) -> Tensor:
    """The integers of the grid next to `steps`, as floats."""
    rounded = torch.round(steps) if spec.grid is Grid.MID_TREAD else 2 * torch.round((steps - 1) / 2) + 1
    return torch.clamp(rounded, -spec.limit, spec.limit)


class WeightQuantiser(nn.Module):
    """One layer's method. weight: float32 [C', ...], as it is when the method begins. per_tensor: one scale for all."""

    def __init__(self, weight: Tensor, spec: WeightSpec, per_tensor: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.per_tensor = per_tensor

    def start(self, weight: Tensor) -> Tensor:
        """What is trained in place of `weight`, of the same shape."""
        return weight

    def pace(self, trained: Tensor) -> Tensor | None:
        """How far the weight moves when what is trained moves by 1, at the middle of its range, [C']; None: as far.

        Stepping the trained value times this instead lets a learning rate mean the same for every method.
        """
        return None

    def shadow(self, trained: Tensor) -> Tensor:
        """The real weights that rounding starts from."""
        return trained

    def steps(self, trained: Tensor) -> Tensor:
        """The weights in units of their scale, which gets no gradient from them."""
        return self.shadow(trained) / along(self.scales(trained).detach().clamp_min(SMALLEST_SCALE), trained)

    @abstractmethod
    def scales(self, trained: Tensor) -> Tensor:
        """Real value of integer 1 for each channel, [C']; may be 0 for a channel of zeros."""

    def integers(self, shadow: Tensor, scales: Tensor) -> Tensor:
        """The grid's integers next to `shadow` under `scales`, as floats."""
        return nearest(shadow / along(scales, shadow), self.spec)

    def forward(self, trained: Tensor, scales: Tensor) -> Tensor:
        """The reals on the grid; the gradient reaches `shadow` unchanged and `scales` not at all."""
        shadow = self.shadow(trained)
        with torch.no_grad():
            on_grid = self.integers(shadow, scales) * along(scales, shadow)
        return _through(shadow, on_grid)

    def _groups(self, weight: Tensor) -> Tensor:
        """[G, n]: the weights that share a scale, a row each."""
        return weight.flatten().unsqueeze(0) if self.per_tensor else weight.flatten(1)

    def _each(self, values: Tensor, weight: Tensor) -> Tensor:
        """[G] -> [C']."""
        return values.expand(len(weight)) if self.per_tensor else values


class MaxAbs(WeightQuantiser):
    """The largest magnitude lies on the last integer: scale = max|w| / limit, taken anew at every step.

    At 8 bits mid-tread this is TFLite's rule (quantisation specification, symmetric weights).
    """

    def scales(self, trained: Tensor) -> Tensor:
        """[C']."""
        return self._each(self._groups(trained.detach()).abs().amax(1) / self.spec.limit, trained)


class LeastSquares(WeightQuantiser):
    """The scale of smallest squared error |w - scale * integers|^2, found by search (`least_squares_scales`)."""

    def scales(self, trained: Tensor) -> Tensor:
        """[C']."""
        return self._each(least_squares_scales(self._groups(trained.detach()), self.spec), trained)


class LearnedStep(WeightQuantiser):
    """Learned step size (LSQ, Esser et al. 1902.08153): each scale is trained beside the weights. With v = w / scale

        d w_q / d w      1 where |v| <= end, else 0
        d w_q / d scale  nearest(v) - v where |v| <= end, else the last integer on that side

    and the scale's gradient is multiplied by 1 / sqrt(n Q), n weights under the scale, Q steps of the grid from 0 to
    its last integer (limit; on mid-rise limit / 2, a step being 2 there), which balances it against theirs. `end` is
    the last integer, as in the paper; on mid-rise the outer edge of its cell, limit + 1: at 1 bit, where the last
    integer is also the only one, the paper's end would stop every weight beyond the average.

    The scale is u (1 + r / u) for r >= 0 and u exp(r / u) below, u where it starts and r what steps move: the paper's
    own pace, but it cannot walk through 0, after which all weights of a channel would lie beyond the grid for good.
    Measured on DS-CNN S: trained plainly, single channels of three layers did within three epochs.

    It starts at the scale of least squared error, as LSQ+ does (Bhalgat et al. 2004.09576), not at the paper's
    2 mean|w| / sqrt(Q): on 3 x 3 depthwise channels that one lies off by a factor of up to 5.
    """

    first: Tensor

    def __init__(self, weight: Tensor, spec: WeightSpec, per_tensor: bool = False) -> None:
        super().__init__(weight, spec, per_tensor)
        first = least_squares_scales(self._groups(weight.detach()), spec).clamp_min(SMALLEST_SCALE)
        self.register_buffer("first", first)
        self.step = nn.Parameter(torch.zeros_like(first))

    def scales(self, trained: Tensor) -> Tensor:
        """[C'], with a gradient."""
        return self._each(self.first * (1 + F.elu(self.step / self.first)), trained)

    def forward(self, trained: Tensor, scales: Tensor) -> Tensor:
        """The reals on the grid, gradients as above."""
        pitch = 2 if self.spec.grid is Grid.MID_RISE else 1
        n = trained.numel() // len(self.step)
        balance = 1 / math.sqrt(n * self.spec.limit / pitch)
        end = float(self.spec.limit + pitch - 1)
        return _OnLearnedGrid.apply(  # type: ignore[no-any-return, no-untyped-call]
            trained, along(scales, trained), self.spec, end, balance
        )


class Squashed(WeightQuantiser):
    """Squashed weight distribution (Strom, Khan, Hamza, Interspeech 2022): W = s tanh(P), P trained.

    tanh presses the tails of P together, so that W spreads evenly over (-s, s) and no level of the grid is wasted; s
    lies on the last integer. d W / d P = s (1 - tanh^2 P). s stands still: batch norm takes up any factor.

    From trained weights, s = limit * the scale of least squared error and P = atanh(w / s), within 0.98 of the ends:
    the first integers are those of least-squares rounding. Without trained weights, P ~ N(0, 0.85^2) gives the W that
    is closest to uniform (`uniform_start`).
    """

    range: Tensor

    def __init__(self, weight: Tensor, spec: WeightSpec, per_tensor: bool = False) -> None:
        super().__init__(weight, spec, per_tensor)
        found = spec.limit * least_squares_scales(self._groups(weight.detach()), spec)
        self.register_buffer("range", found.clamp_min(SMALLEST_SCALE * spec.limit))

    def start(self, weight: Tensor) -> Tensor:
        """P."""
        ends = along(self._each(self.range, weight), weight)
        return torch.atanh((weight / ends).clamp(-_SQUASHED_END, _SQUASHED_END))

    def pace(self, trained: Tensor) -> Tensor:
        """s."""
        return self._each(self.range, trained).clone()

    def shadow(self, trained: Tensor) -> Tensor:
        """s tanh(P)."""
        return along(self._each(self.range, trained), trained) * torch.tanh(trained)

    def steps(self, trained: Tensor) -> Tensor:
        """limit tanh(P), whatever s."""
        return torch.tanh(trained) * self.spec.limit

    def scales(self, trained: Tensor) -> Tensor:
        """[C']."""
        return self._each(self.range, trained) / self.spec.limit

    def forward(self, trained: Tensor, scales: Tensor) -> Tensor:
        """The reals on the grid, gradients as above."""
        steps = self.steps(trained)
        return along(scales, trained) * _through(steps, nearest(steps.detach(), self.spec))


class DoReFa(WeightQuantiser):
    """DoReFa-Net (Zhou et al. 1606.06160, section 2.3): tanh pulls the tails in, the largest weight becomes 1.

        w_q = 2 Q(tanh(w) / (2 max|tanh(w)|) + 1/2) - 1,   Q(x) = round((2^b - 1) x) / (2^b - 1)

    2 Q - 1 takes the odd integers over 2^b - 1: exactly the mid-rise grid with scale 1 / limit. One bit is
    sign(w) * mean|w|. The gradient is that of tanh and of the maximum; rounding passes it.
    """

    unit: Tensor

    def __init__(self, weight: Tensor, spec: WeightSpec, per_tensor: bool = False) -> None:
        super().__init__(weight, spec, per_tensor)
        self.register_buffer("unit", _largest(weight))

    def shadow(self, trained: Tensor) -> Tensor:
        """w at 1 bit, else unit * tanh(w) / max|tanh(w)|."""
        if self.spec.bits == 1:
            return trained
        squashed = torch.tanh(trained)
        return self.unit * squashed / squashed.abs().amax().clamp_min(SMALLEST_SCALE)

    def scales(self, trained: Tensor) -> Tensor:
        """[C'], all equal."""
        one = trained.detach().abs().mean() if self.spec.bits == 1 else self.unit / self.spec.limit
        return one.expand(len(trained))


class FixedRange(WeightQuantiser):
    """Peter, Roth, Pernkopf (2012.10138), their code's quantiser of weights: a fixed range, nothing learned.

        w_q = 2 clip(round((2^b - 1) (w + 1) / 2) / (2^b - 1), 0, 1) - 1

    in units of the largest weight: the odd integers of the mid-rise grid, scale 1 / limit. The gradient passes, also
    beyond the range.
    """

    unit: Tensor

    def __init__(self, weight: Tensor, spec: WeightSpec, per_tensor: bool = False) -> None:
        super().__init__(weight, spec, per_tensor)
        self.register_buffer("unit", _largest(weight))

    def scales(self, trained: Tensor) -> Tensor:
        """[C'], all equal."""
        return (self.unit / self.spec.limit).expand(len(trained))


_CLASSES: dict[Method, type[WeightQuantiser]] = {
    Method.MAX_ABS: MaxAbs,
    Method.LEAST_SQUARES: LeastSquares,
    Method.LEARNED_STEP: LearnedStep,
    Method.SQUASHED: Squashed,
    Method.DOREFA: DoReFa,
    Method.FIXED_RANGE: FixedRange,
}


def weight_quantiser(method: Method, weight: Tensor, spec: WeightSpec, per_tensor: bool = False) -> WeightQuantiser:
    """The method for a layer whose weights are now `weight`, float32 [C', ...].

    A step of 8 bits is not worth learning, and too small to be learnt at the rate of the others: it is max-abs.
    """
    if method is Method.LEARNED_STEP and spec.bits == MAX_BITS:
        method = Method.MAX_ABS
    return _CLASSES[method](weight, spec, per_tensor)


@torch.no_grad()
def least_squares_scales(groups: Tensor, spec: WeightSpec) -> Tensor:
    """For each row of `groups` [G, n] the scale with the smallest |w - scale * nearest(w / scale)|^2, [G].

    A search over shares of the largest magnitude, then once the closed form for the best one's integers q,
    <w, q> / <q, q>, which can only lower the error. 0 for a row of zeros.
    """
    full = best = groups.abs().amax(1).clamp_min(SMALLEST_SCALE) / spec.limit
    lowest = torch.full_like(full, math.inf)
    for share in (1.0, *_SEARCHED_SHARES):
        scales = full * share
        error = (groups - nearest(groups / scales[:, None], spec) * scales[:, None]).square().sum(1)
        best, lowest = torch.where(error < lowest, scales, best), torch.minimum(error, lowest)
    integers = nearest(groups / best[:, None], spec)
    energy = integers.square().sum(1)
    refined = (groups * integers).sum(1) / energy.clamp_min(1)
    return torch.where((energy > 0) & (refined > 0), refined, torch.zeros_like(best))


def uniform_start(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """P of squashed weights that nothing has trained yet: N(0, 0.85^2), whose tanh is nearly uniform on (-1, 1)."""
    return torch.empty(shape).normal_(0.0, UNIFORM_DEVIATION, generator=generator)


def absolute_cosine(shadow: Tensor, scales: Tensor, spec: WeightSpec) -> Tensor:
    """Mean distance from the grid as |cos|: 0 where every weight lies on an integer, 1 half way between two.

    Absolute cosine regularisation (Zeng et al. 2303.02284): |cos(pi v / 2)| is 0 at odd v = w / scale, the mid-rise
    grid; |cos(pi (v + 1/2))| at all integers, the mid-tread grid.
    """
    steps = shadow / along(scales.clamp_min(SMALLEST_SCALE), shadow)
    return torch.cos(math.pi * (steps / 2 if spec.grid is Grid.MID_RISE else steps + 0.5)).abs().mean()


def representable_scales(scales: Tensor, bias: Tensor, input_scale: Tensor) -> Tensor:
    """`scales` [C'], where need be coarse enough for the bias [C'] to fit int32, and for float32 to stay normal.

    A channel whose weights have died still has a bias, which a scale taken from the weights alone would overflow.
    """
    for_bias = bias.detach().abs() / (input_scale * _LARGEST_BIAS)
    return torch.maximum(scales, for_bias).clamp_min(SMALLEST_SCALE)


def bias_integers(bias: Tensor, scales: Tensor) -> Tensor:
    """bias [C'] on the int32 grid of `scales` [C'] (input scale * weight scale), integers as floats."""
    return torch.round(bias / scales)


def quantise_bias(bias: Tensor, scales: Tensor) -> Tensor:
    """The reals that `bias` becomes; gradients pass unchanged."""
    with torch.no_grad():
        on_grid = bias_integers(bias, scales) * scales
    return _through(bias, on_grid)


def _largest(weight: Tensor) -> Tensor:
    return weight.detach().abs().amax().clamp_min(SMALLEST_SCALE)


def along(scales: Tensor, weight: Tensor) -> Tensor:
    """[C'] in a shape that broadcasts against `weight` [C', ...]."""
    return scales.view(-1, *(1,) * (weight.dim() - 1))


def _through(value: Tensor, on_grid: Tensor) -> Tensor:
    """on_grid forward, the gradient of `value` backward."""
    return _StraightThrough.apply(value, on_grid)  # type: ignore[no-any-return, no-untyped-call]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, on_grid: Tensor) -> Tensor:
        return on_grid

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _OnLearnedGrid(torch.autograd.Function):
    """nearest(w / scale) * scale with LearnedStep's two derivatives; scale broadcasts against w."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor, spec: WeightSpec, end: float, balance: float) -> Tensor:
        steps = weight / scale
        integers = nearest(steps, spec)
        inside = steps.abs() <= end
        ctx.save_for_backward(inside, torch.where(inside, integers - steps, integers))
        ctx.scale_shape, ctx.balance = scale.shape, balance
        return integers * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        inside, by_scale = ctx.saved_tensors
        for_scale = (gradients[0] * by_scale).sum_to_size(ctx.scale_shape) * ctx.balance
        return gradients[0] * inside, for_scale, None, None, None
