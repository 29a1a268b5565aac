# SPDX-License-Identifier: Apache-2.0
"""Layout: how the axes that an ONNX file speaks of lie in the one memory order of the Graph.

ONNX says [N, C, H, W], Keras says [N, H, W, C] and transposes in between, Flatten and Reshape join and cut axes. The
bytes of the Graph never move: they are [N, H, W, C]. So a value is tracked as its memory order (sizes of atomic
axes, outermost first) and, for each axis of the ONNX tensor, which atoms it is made of:

    result of a convolution, [1, 64, 25, 5]     memory 25 x 5 x 64     axes (), (2), (0), (1)
    after Flatten, [1, 8000]                    memory 25 x 5 x 64     axes (), (2, 0, 1)

Transpose, Reshape, Squeeze, … are then bookkeeping, and a dense layer behind Flatten learns from the atoms how to
permute its weights offline. Axes of size 1 have no atoms: moving them costs nothing. Neighbours in memory that stay
neighbours in an axis are one atom, so two Layouts are equal exactly if shape and memory order are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError

# A Cortex-M network's largest activation is far below this; more is a broken or hostile file.
MAX_ACTIVATION_ELEMENTS = 1 << 23

Scalar = TypeVar("Scalar", bound=np.generic)


class LayoutError(ModelError):
    """The operation would have to move bytes when the network runs."""


@dataclass(frozen=True)
class Layout:
    """sizes: the atoms in memory order, outermost first, each > 1. axes: the atoms of each ONNX axis, outermost first.

    >>> conv = Layout.of((1, 64, 25, 5), order=(0, 2, 3, 1))
    >>> conv.sizes, conv.axes
    ((25, 5, 64), ((), (2,), (0,), (1,)))
    """

    sizes: tuple[int, ...]
    axes: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(shape: Sequence[int], order: Sequence[int] | None = None) -> "Layout":
        """Layout of `shape` whose axes lie in memory in `order` (outermost first; row-major if not given).

        Raises ModelError for a size below 1 or too many elements.
        """
        if any(size < 1 for size in shape) or prod(shape) > MAX_ACTIVATION_ELEMENTS:
            raise ModelError(
                f"shape {list(shape)}: each size must be at least 1, and all together at most "
                f"{MAX_ACTIVATION_ELEMENTS} elements"
            )
        atoms = [axis for axis in (order if order is not None else range(len(shape))) if shape[axis] > 1]
        position = {axis: index for index, axis in enumerate(atoms)}
        axes = [[position[axis]] if axis in position else [] for axis in range(len(shape))]
        return _normal([shape[axis] for axis in atoms], axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the ONNX tensor."""
        return tuple(prod(self.sizes[atom] for atom in axis) for axis in self.axes)

    @property
    def n_elements(self) -> int:
        """Number of elements."""
        return prod(self.sizes)

    @property
    def _sequence(self) -> list[int]:
        """The atoms in the order in which ONNX counts elements."""
        return [atom for axis in self.axes for atom in axis]

    def lies_in(self, order: Sequence[int]) -> bool:
        """Whether memory holds the axes in `order`, outermost first.

        >>> Layout.of((1, 8, 5, 3), order=(0, 2, 3, 1)).lies_in((0, 2, 3, 1))
        True
        """
        return [atom for axis in order for atom in self.axes[axis]] == list(range(len(self.sizes)))

    def transposed(self, permutation: Sequence[int]) -> "Layout":
        """ONNX's Transpose."""
        return Layout(self.sizes, tuple(self.axes[axis] for axis in permutation))

    def reshaped(self, shape: Sequence[int]) -> "Layout":
        """ONNX's Reshape to `shape`. Raises LayoutError where a new axis would mix memory in a way no stride can say.

        >>> Layout.of((1, 4, 3, 2), order=(0, 2, 3, 1)).reshaped((1, 24)).axes
        ((), (1, 0))
        """
        if prod(shape) != self.n_elements or any(size < 1 for size in shape):
            raise ModelError(f"{self.n_elements} elements, shape {list(self.shape)}, cannot become {list(shape)}")
        runs = self._runs()
        pieces: list[tuple[int, int, int]] = []  # (atom where the run begins, place within the run, size)
        axes: list[list[int]] = []
        run, place = 0, 0
        for size in shape:
            axis: list[int] = []
            while size > 1:
                start, left = runs[run]
                part = left if size % left == 0 else size
                if left % part:
                    raise LayoutError(
                        f"shape {list(self.shape)} in memory as {list(self.sizes)} cannot be cut into {list(shape)}"
                    )
                axis.append(len(pieces))
                pieces.append((start, place, part))
                place += 1
                size //= part
                if left == part:
                    run, place = run + 1, 0
                else:
                    runs[run] = (start, left // part)
            axes.append(axis)
        in_memory = sorted(range(len(pieces)), key=lambda piece: pieces[piece][:2])
        position = {piece: index for index, piece in enumerate(in_memory)}
        return _normal(
            [pieces[piece][2] for piece in in_memory], [[position[piece] for piece in axis] for axis in axes]
        )

    def _runs(self) -> list[tuple[int, int]]:
        """(first atom, size) of the longest runs of atoms that are neighbours in memory and in ONNX's order."""
        runs: list[tuple[int, int]] = []
        last = -2
        for atom in self._sequence:
            if atom == last + 1 and runs:
                start, size = runs[-1]
                runs[-1] = (start, size * self.sizes[atom])
            else:
                runs.append((atom, self.sizes[atom]))
            last = atom
        return runs

    def with_axis(self, axis: int, size: int) -> "Layout":
        """The same with the last axis in memory, which must be exactly ONNX axis `axis`, of another size."""
        kept = self.sizes[: len(self.sizes) - len(self.axes[axis])]
        axes = [list(atoms) for atoms in self.axes]
        axes[axis] = [len(kept)] if size > 1 else []
        return _normal([*kept, *([size] if size > 1 else [])], axes)

    def without(self, axes: Collection[int]) -> "Layout":
        """What remains of the memory order when ONNX `axes` are taken away, axes and all."""
        gone = {atom for axis in axes for atom in self.axes[axis]}
        kept = [atom for atom in range(len(self.sizes)) if atom not in gone]
        position = {atom: index for index, atom in enumerate(kept)}
        rest = [[position[a] for a in atoms] for axis, atoms in enumerate(self.axes) if axis not in axes]
        return _normal([self.sizes[atom] for atom in kept], rest)

    def is_innermost(self, axes: Sequence[int]) -> bool:
        """Whether the atoms of `axes` are the innermost ones of memory, in whatever order among themselves."""
        atoms = sorted(atom for axis in axes for atom in self.axes[axis])
        return atoms == list(range(len(self.sizes) - len(atoms), len(self.sizes)))

    def memory_order(self, axis: int) -> NDArray[np.intp]:
        """For each step along `axis` in memory, the ONNX index of that step: how to permute weights that meet it."""
        atoms = self.axes[axis]
        sizes = [self.sizes[atom] for atom in atoms]
        return np.arange(prod(sizes)).reshape(sizes).transpose(np.argsort(atoms)).reshape(-1)

    def to_memory(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """[shape] as ONNX has it -> [n_elements] as memory has it."""
        sequence = self._sequence
        return values.reshape([self.sizes[atom] for atom in sequence]).transpose(np.argsort(sequence)).reshape(-1)

    def from_memory(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """[n_elements] as memory has it -> [shape] as ONNX has it."""
        return values.reshape(self.sizes).transpose(self._sequence).reshape(self.shape)


def _normal(sizes: Sequence[int], axes: Sequence[Sequence[int]]) -> Layout:
    """The Layout with neighbours joined: the one way to write it down."""
    joined = {b for axis in axes for a, b in pairwise(axis) if b == a + 1}
    number = -1
    merged: list[int] = []
    new: dict[int, int] = {}
    for atom, size in enumerate(sizes):
        if atom in joined:
            merged[-1] *= size
        else:
            number += 1
            merged.append(size)
        new[atom] = number
    return Layout(tuple(merged), tuple(tuple(new[atom] for atom in axis if atom not in joined) for axis in axes))
