# SPDX-License-Identifier: Apache-2.0
"""Quantities as people write them in a budget: bytes, counts, shares.

A bare number is bytes (or operations). `kB` and `MB` are 1000 and 1000², `KiB` and `MiB` 1024 and 1024². A lone `k`
or `K` for bytes is refused: half of the world reads 64k as 64,000, the other half as 65,536, and a budget that is
2.4 % off is no budget. Counts take `k`, `M` and `G`, always powers of 1000.

An option of the command line is less strict (`parse_size_option`): nobody but its writer reads it, and for an upper
limit the smaller reading keeps to both.
"""

import math
import re
from collections.abc import Callable
from fractions import Fraction

from toolchain.errors import BudgetError

_BYTE_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "KiB": 2**10, "MiB": 2**20}
_OPTION_UNITS = {unit.lower(): factor for unit, factor in _BYTE_UNITS.items()} | {
    **{"k": 10**3, "ki": 2**10},
    **{"m": 10**6, "mi": 2**20},
}
_COUNT_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_NUMBER_AND_UNIT = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def parse_bytes(value: object) -> int:
    """Bytes from 65536, "64 KiB" or "64 kB". Raises BudgetError (without file and key: the caller knows them).

    >>> parse_bytes("64 KiB"), parse_bytes("1.5kB"), parse_bytes(512)
    (65536, 1500, 512)
    """
    if isinstance(value, str) and re.search(r"[0-9]\s*[kKmM]\s*$", value):
        shown = value.strip()
        letter = "k" if shown[-1] in "kK" else "M"
        raise BudgetError(
            f"{value!r} is ambiguous: write {letter}B (powers of 1000) or {letter.upper()}iB (powers of 1024)"
        )
    return _parse(value, _BYTE_UNITS.get, 'bytes, such as 65536, "64 KiB" or "64 kB"')


def parse_size_option(text: str) -> int:
    """Bytes from "20000", "64k", "20 kB" or "64KiB", in any letter case: k and M are powers of 1000, Ki and Mi of 1024.

    Raises BudgetError.

    >>> parse_size_option("64k"), parse_size_option("64 KB"), parse_size_option("64kib")
    (64000, 64000, 65536)
    """
    expected = "bytes, such as 20000, 64k (64,000), '20 kB' or '64 KiB' (65,536)"
    return _parse(text, lambda unit: _OPTION_UNITS.get(unit.lower()), expected)


def parse_count(value: object) -> int:
    """A count from 5400000, "5.4 M" or "600 k". Raises BudgetError.

    >>> parse_count("5.4 M"), parse_count(1000)
    (5400000, 1000)
    """
    return _parse(value, _COUNT_UNITS.get, 'a count, such as 5400000, "5.4 M" or "600 k"')


def parse_share(value: object) -> float:
    """A share of 0 to 1 from 0.935 or "93.5 %". Raises BudgetError.

    >>> parse_share("93.5 %")
    0.935
    """
    expected = 'a share above 0 and at most 1, such as 0.935 or "93.5 %"'
    number: float
    if isinstance(value, str):
        percent = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*", value, re.ASCII)
        if percent is None:
            raise BudgetError(f"{value!r} is not {expected}")
        number = float(Fraction(percent[1]) / 100)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    else:
        raise BudgetError(f"{value!r} is not {expected}")
    if not (math.isfinite(number) and 0 < number <= 1):
        raise BudgetError(f"{value!r} is not {expected}")
    return number


def _parse(value: object, factor_of: Callable[[str], int | None], expected: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        if value <= 0:
            raise BudgetError(f"{value} must be greater than 0")
        return value
    parts = _NUMBER_AND_UNIT.fullmatch(value) if isinstance(value, str) else None
    factor = None if parts is None else factor_of(parts[2])
    if parts is None or factor is None:
        raise BudgetError(f"{value!r} is not {expected}")
    exact = Fraction(parts[1].replace("_", "")) * factor
    if exact <= 0 or exact.denominator != 1:
        raise BudgetError(f"{value!r} must be a whole number greater than 0")
    return int(exact)
