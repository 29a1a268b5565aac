# SPDX-License-Identifier: Apache-2.0
"""Budget: the limits of one budget.toml, read strictly.

    flash_bytes  = "64 KiB"     # everything in flash of the linked firmware
    ram_bytes    = "32 KiB"     # everything in RAM of the linked firmware, stack included
    stack_bytes  = "2 KiB"
    arena_bytes  = 20_000       # activations and scratch of the model
    weight_bytes = "25 kB"      # weights, biases and requantisation tables in flash
    macs         = "3 M"
    accuracy     = "93 %"       # at least; read from the run folder
    operations.hello_edge = "6 M"       # each under the rule that it is counted by
    memory.hello_edge     = "80 kB"

An unknown key, a wrong type or a number that makes no sense is an error naming file and key: a limit that is
misspelt must never pass.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolchain.budget.quantity import parse_bytes, parse_count, parse_share
from toolchain.errors import BudgetError
from toolchain.graph.counting import Rule
from toolchain.toml_files import read_toml


@dataclass(frozen=True)
class Limit:
    """One limit. name: `flash_bytes`, `operations.hello_edge`, ... origin: the file or board that sets it."""

    name: str
    allowed: int | float
    unit: str
    origin: str
    at_least: bool = False


@dataclass(frozen=True)
class Budget:
    """The limits of one file, in the order of KEYS."""

    origin: str
    limits: tuple[Limit, ...]


# key -> (reader, unit, whether the figure must reach the limit rather than stay below it)
KEYS: dict[str, tuple[Callable[[object], int | float], str, bool]] = {
    "flash_bytes": (parse_bytes, "B", False),
    "ram_bytes": (parse_bytes, "B", False),
    "stack_bytes": (parse_bytes, "B", False),
    "arena_bytes": (parse_bytes, "B", False),
    "weight_bytes": (parse_bytes, "B", False),
    "macs": (parse_count, "MAC", False),
    **{f"operations.{rule.value}": (parse_count, "operations", False) for rule in Rule},
    **{f"memory.{rule.value}": (parse_bytes, "B", False) for rule in Rule if rule is not Rule.MACS},
    "accuracy": (parse_share, "", True),
}


def load_budget(path: Path) -> Budget:
    """The Budget in the file. Raises BudgetError naming the file and the key."""
    return budget_from_table(read_toml(path, "budget", BudgetError), str(path))


def budget_from_table(table: dict[str, object], origin: str) -> Budget:
    """The Budget of an already parsed TOML table. `origin` names it in messages. Raises BudgetError."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        if key in ("operations", "memory"):
            if not isinstance(value, dict):
                raise BudgetError(f"{origin}: {key}: must be a table naming the rule, such as {key}.hello_edge = ...")
            flat.update({f"{key}.{rule}": limit for rule, limit in value.items()})
        else:
            flat[key] = value
    for key in flat:
        if key not in KEYS:
            nearest = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.8)
            meant = f", did you mean {nearest[0]}?" if nearest else f"; known are {', '.join(KEYS)}"
            raise BudgetError(f"{origin}: {key}: unknown key{meant}")
    if not flat:
        raise BudgetError(f"{origin}: limits nothing; known keys are {', '.join(KEYS)}")
    limits = []
    for key, (reader, unit, at_least) in KEYS.items():
        if key in flat:
            try:
                limits.append(Limit(key, reader(flat[key]), unit, origin, at_least))
            except BudgetError as error:
                raise BudgetError(f"{origin}: {key}: {error}") from error
    return Budget(origin, tuple(limits))
