# SPDX-License-Identifier: Apache-2.0
"""Identifiers of the generated model, unique by construction.

Everything begins with the prefix, made of the Graph's name. A layer's symbols end in the role of what they name
(`kws_conv1_weights`, `kws_conv1_layer`), and the functions and sizes of one of several inputs or outputs end in
`_input` or `_output`, so that no two kinds of names can meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.graph.graph import Graph
from toolchain.graph.names import identifier, unique_names

# First words of identifiers that the rest of a firmware has: kernels, front end, platform.
_TAKEN = frozenset(
    {"board", "caches", "console", "crc32", "cycles", "finish", "firmware", "frontend", "main", "pattern", "print"}
    | {"random", "register", "sb", "semihosting", "signal", "stack", "startup", "subbyte"}
)


@dataclass(frozen=True)
class Names:
    """prefix: of every identifier. layers: operator -> identifier. ports: graph input or output -> identifier."""

    prefix: str
    layers: Mapping[str, str]
    ports: Mapping[str, str]


def names_of(graph: Graph) -> Names:
    """The identifiers for `graph`."""
    prefix = identifier(graph.name)
    if prefix.split("_")[0] in _TAKEN:
        prefix = f"net_{prefix}"
    operators = [op.name for op in graph.operators]
    ports = list(dict.fromkeys((*graph.inputs, *graph.outputs)))
    return Names(
        prefix,
        dict(zip(operators, unique_names([f"{prefix}_{identifier(name)}" for name in operators]), strict=True)),
        dict(zip(ports, unique_names([f"{prefix}_{identifier(name)}" for name in ports]), strict=True)),
    )
