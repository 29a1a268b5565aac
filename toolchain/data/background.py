# SPDX-License-Identifier: Apache-2.0
"""Which part of a background recording is trained with, and which is kept for evaluation on streams.

    |<---------- training, 4/5 ---------->|<-- evaluation, 1/5 -->|

The official split has no test noise: all six recordings hash into the training partition (research/papers.md, section
1.1). Cutting each recording in time keeps its kind of sound on both sides and no sample on two. A hum sounds the same
in both parts, so a stream still flatters where rooms are new; it does not where a recording has been learnt by heart.
"""

import numpy as np
from numpy.typing import NDArray

_TRAINED, _PARTS = 4, 5

# What run.json says of a training that kept to it.
NOISE_RULE = f"the first {_TRAINED}/{_PARTS} of each recording"


def training_part(recording: NDArray[np.int16]) -> NDArray[np.int16]:
    """The beginning of int16 [n]; at least one sample of a recording that has any.

    >>> training_part(np.arange(11, dtype=np.int16)).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    return recording[: _border(len(recording))]


def evaluation_part(recording: NDArray[np.int16]) -> NDArray[np.int16]:
    """The rest of it; nothing of a recording of fewer than five samples.

    >>> evaluation_part(np.arange(11, dtype=np.int16)).tolist()
    [9, 10]
    """
    return recording[_border(len(recording)) :]


def _border(n: int) -> int:
    return -(-n * _TRAINED // _PARTS)
