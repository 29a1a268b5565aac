# SPDX-License-Identifier: Apache-2.0
"""ArchSpec: a network as plain data, what every family has in common, and what a value may be.

A family is a frozen dataclass that adds its own fields and says which layers they mean. It also says what its authors
initialised, normalised and fed it with; training takes that from here, so that a family is one file.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import ConfigDict

from toolchain.arch.layer import Layer
from toolchain.errors import ModelError

# Bounds that keep a mistyped file from asking for terabytes. No keyword spotter comes near them.
MAX_FRAMES = 1024
MAX_COEFFICIENTS = 256
MAX_CHANNELS = 4096
MAX_KERNEL = 64
MAX_STRIDE = 16
MAX_CLASSES = 1024
MAX_BLOCKS = 256

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")


class Initialiser(StrEnum):
    """Distribution of the first weights of convolutions and dense layers."""

    XAVIER_UNIFORM = "xavier_uniform"  # U(-a, a), a = sqrt(6 / (fan in + fan out)), Glorot & Bengio 2010
    HE_FAN_OUT = "he_fan_out"  # N(0, 2 / fan out), He et al. 1502.01852; dense layers U(-a, a), a = 1 / sqrt(fan in)


@dataclass(frozen=True)
class BatchNorm:
    """momentum: weight of the newest batch in the running statistics. epsilon: added to the variance."""

    momentum: float
    epsilon: float


@dataclass(frozen=True, kw_only=True)
class ArchSpec(ABC):
    """What every network has: name, frames x coefficients of its features, number of classes.

    Raises ModelError where a value is out of range, naming the network and the field.
    """

    family: ClassVar[str]
    initialiser: ClassVar[Initialiser]
    batch_norm: ClassVar[BatchNorm]
    usual_features: ClassVar[str]  # a name of toolchain/frontend/named.py
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    name: str
    frames: int
    coefficients: int
    classes: int = 12

    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """The primitive layers that these values mean."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ModelError(
                f"architecture name {self.name!r}: must be 1..64 letters, digits, '_', '.' or '-', first a letter"
            )
        self.check("frames", self.frames, 1, MAX_FRAMES)
        self.check("coefficients", self.coefficients, 1, MAX_COEFFICIENTS)
        self.check("classes", self.classes, 2, MAX_CLASSES)

    def check(self, where: str, value: int, low: int, high: int) -> None:
        """Raise ModelError unless low <= value <= high."""
        if not low <= value <= high:
            raise ModelError(f"architecture {self.name}: {where} is {value}, must be {low}..{high}")

    @property
    def identifier(self) -> str:
        """The name as a C identifier: what the Graph and the generated code are called."""
        return re.sub(r"[^A-Za-z0-9_]", "_", self.name).lower()

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, `family` first: what stands in a TOML file and in run.json."""
        return {"family": self.family} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value
