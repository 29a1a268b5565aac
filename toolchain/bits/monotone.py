# SPDX-License-Identifier: Apache-2.0
"""What layers lose, width by width, freed of what only chance can say: that more bits lose more.

Differences of a few thousandths are within the error of a few thousand clips, and a search takes the luckiest of them.
What is known without any clip: a layer is not expected to lose more at more bits. So losses are replaced by the nearest
that never rise with bits (isotonic regression: Barlow et al. 1972, here scipy's).

    bits       1      2      3      4      8              1      2      3      4      8
    measured  .090   .012  -.004   .006  -.001    ->     .090   .012   .001   .001  -.001
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import isotonic_regression

from toolchain.arch.weights import WeightSpec
from toolchain.graph.tensor import Grid

# What the power of rounding, 4^-bits, counts where widths come out alike: enough to order them, so that bytes that are
# left over go to finer steps; far below what clips can measure.
_ALIKE = 1e-5


def monotone(losses: Mapping[WeightSpec, float]) -> dict[WeightSpec, float]:
    """Losses of one layer, by spec -> the nearest (least squares) that fall as bits rise.

    Of one width mid-rise counts as the finer grid: it has one level more.
    """
    specs = sorted(losses, key=lambda spec: (spec.bits, spec.grid is Grid.MID_RISE))
    fitted = isotonic_regression(np.array([losses[spec] for spec in specs]), increasing=False).x
    return {spec: float(loss) + _ALIKE * 4.0**-spec.bits for spec, loss in zip(specs, fitted, strict=True)}
