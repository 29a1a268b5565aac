# SPDX-License-Identifier: Apache-2.0
"""Teacher: what the float network says of each batch that a quantised one is trained on.

The widths of a series (nets/series.py) go on from the same float network and hear the same batches in the same order:
what the first of them asked, the others find remembered, to the bit, and save a sixth of their time.
"""

import hashlib

import torch
from torch import Tensor, nn

_DIGEST_BYTES = 16
# Rows of a block of logits, three epochs of Speech Commands.
_ROWS = 1 << 16


class Said:
    """Logits, by who was asked and of which batch.

    They lie in a few large blocks: thousands of small ones, each made between the large ones of a training step, leave
    the heap in pieces that the next step's do not fit (4 GB after 30 epochs).
    """

    def __init__(self) -> None:
        self._found: dict[bytes, Tensor] = {}
        self._free = torch.empty(0, 0)

    def get(self, key: bytes) -> Tensor | None:
        """float32 [n, classes]; None where nobody was asked that."""
        return self._found.get(key)

    def keep(self, key: bytes, logits: Tensor) -> Tensor:
        """Copy `logits`; gives the copy."""
        if self._free.shape[1:] != logits.shape[1:] or len(self._free) < len(logits):
            self._free = logits.new_empty(max(_ROWS, len(logits)), *logits.shape[1:])
        kept, self._free = self._free[: len(logits)], self._free[len(logits) :]
        self._found[key] = kept.copy_(logits)
        return kept


class Teacher:
    """network: in evaluation mode from now on; its weights stay. said: remembers; None: every batch is asked anew."""

    def __init__(self, network: nn.Module, said: Said | None = None) -> None:
        self._network = network.eval()
        self._said = said
        self._who = b"" if said is None else _digest(b"", *network.state_dict().values())

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """inputs: float32 [n, ...] -> logits float32 [n, classes]."""
        if self._said is None:
            return self._asked(inputs)
        key = _digest(self._who, inputs)
        known = self._said.get(key)
        return self._said.keep(key, self._asked(inputs)) if known is None else known

    def _asked(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self._network(inputs)
        return logits


def _digest(start: bytes, *tensors: Tensor) -> bytes:
    digest = hashlib.blake2b(start, digest_size=_DIGEST_BYTES)
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.digest()
