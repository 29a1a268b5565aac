# SPDX-License-Identifier: Apache-2.0
"""The float network of a run folder, before anything was quantised: what quantised models are held against."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from toolchain.arch.library import load_arch
from toolchain.errors import ModelError
from toolchain.nets.activation_grid import INPUT_SCALE
from toolchain.nets.checkpoint import load_checkpoint
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.run_folder import RunFolder

_AT_A_TIME = 250


def float_network(run: Path) -> Callable[[NDArray[np.int8]], NDArray[np.float32]]:
    """The kept weights of the float stage, as a function: int8 windows [N, T, F] -> float32 logits [N, classes].

    Raises ModelError where `run` is no run folder, its float stage has not been validated yet, its first stage was not
    float (two-stage training), or its checkpoint does not fit the architecture.
    """
    folder = RunFolder(run)
    arch = load_arch(folder.arch)
    best = load_checkpoint(folder.checkpoint).best_float
    if best is None:
        raise ModelError(f"{run}: holds no float weights yet: no epoch was finished")
    network = FloatNetwork(arch)
    if best.state.keys() != network.state_dict().keys():
        raise ModelError(f"{run}: its first epochs trained no plain float weights; take a run of the usual recipe")
    try:
        network.load_state_dict(best.state)
    except RuntimeError as error:
        raise ModelError(f"{folder.checkpoint}: does not fit the run's network; it is damaged") from error
    network.eval()

    @torch.inference_mode()
    def logits(windows: NDArray[np.int8]) -> NDArray[np.float32]:
        found = np.empty((len(windows), arch.classes), np.float32)
        for start in range(0, len(windows), _AT_A_TIME):
            rows = slice(start, start + _AT_A_TIME)
            inputs = torch.from_numpy(windows[rows]).unsqueeze(1).to(torch.float32).mul_(INPUT_SCALE)
            found[rows] = network(inputs).numpy()
        return found

    return logits
