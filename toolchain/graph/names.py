# SPDX-License-Identifier: Apache-2.0
"""Names from other people's files, made safe to print, to put into a C comment and to build identifiers from."""

import re

_MAX_LENGTH = 200


def tidy_name(name: str) -> str:
    """A tensor's name with nothing but letters, digits and `_./:;-`; never empty, at most 200 characters.

    >>> tidy_name("model/re_lu*/x y")
    'model/re_lu_/x_y'
    """
    return re.sub(r"[^A-Za-z0-9_./:;-]", "_", name)[:_MAX_LENGTH] or "unnamed"


def identifier(text: str) -> str:
    """A C identifier made of `text`, for a Graph's name: lower case, no leading digit or underscore.

    >>> identifier("KWS-ref model"), identifier("8bit"), identifier("--")
    ('kws_ref_model', 'net_8bit', 'net')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:_MAX_LENGTH]
    if not plain:
        return "net"
    return f"net_{plain}" if plain[0].isdigit() else plain


def unique_names(names: list[str]) -> list[str]:
    """The names in their order, a repeated one with a number behind.

    >>> unique_names(["a", "b", "a"])
    ['a', 'b', 'a_2']
    """
    taken: set[str] = set()
    unique = []
    counts: dict[str, int] = {}
    for name in names:
        candidate = name
        while candidate in taken:
            counts[name] = counts.get(name, 1) + 1
            candidate = f"{name}_{counts[name]}"
        taken.add(candidate)
        unique.append(candidate)
    return unique
