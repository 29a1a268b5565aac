# SPDX-License-Identifier: Apache-2.0
"""Networks by name and by file: the built-in ones (networks.toml), and TOML both ways.

A family that is not in FAMILIES does not exist; adding one is its module and one entry here.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import TypeAdapter, ValidationError

from toolchain.arch.ds_cnn import DsCnn
from toolchain.arch.feed_forward import FeedForward
from toolchain.arch.peter2020 import Peter2020
from toolchain.arch.spec import ArchSpec
from toolchain.errors import ModelError
from toolchain.files import write_text
from toolchain.toml_files import read_toml

FAMILIES: dict[str, type[ArchSpec]] = {kind.family: kind for kind in (DsCnn, FeedForward, Peter2020)}

_NETWORKS = Path(__file__).with_name("networks.toml")


@dataclass(frozen=True)
class Published:
    """What the authors report of a network. None where the paper does not say."""

    test_accuracy_percent: float
    operations: int
    memory_bytes: int
    rule: str
    beta: int | None = None


def builtin_names() -> tuple[str, ...]:
    """Names of the built-in networks, in the order of networks.toml."""
    return tuple(_builtin())


def published(name: str) -> Published | None:
    """Published figures of a built-in network, None for one of our own. Raises ModelError for an unknown name."""
    return _find(name)[1]


def load_arch(name_or_path: str | Path) -> ArchSpec:
    """A built-in network by name (`ds_cnn_s`, also spelt `DS-CNN-S`), or one from a .toml file.

    Raises ModelError: no such name (with the nearest ones), no such file, a wrong key or value.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        return _load_file(path)
    return _find(str(name_or_path))[0]


def save_arch(arch: ArchSpec, path: Path) -> None:
    """Write `arch` as TOML, atomically; `load_arch` gives back an equal value."""
    write_text(path, tomli_w.dumps(arch.to_dict()))


def arch_from_dict(values: Mapping[str, Any], where: str) -> ArchSpec:
    """The inverse of ArchSpec.to_dict. Raises ModelError that begins with `where`."""
    rest = dict(values)
    family = rest.pop("family", None)
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ModelError(f"{where}: family is {family!r}, must be one of: {known}")
    try:
        text = json.dumps(rest)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where}: {error}") from error
    try:
        return TypeAdapter(FAMILIES[family]).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(f"{where}: {key}: {first['msg']}") from error
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from error


def _load_file(path: Path) -> ArchSpec:
    return arch_from_dict(read_toml(path, "architecture", ModelError), str(path))


def _key(name: str) -> str:
    return name.lower().replace("-", "_")


def _find(name: str) -> tuple[ArchSpec, Published | None]:
    known = _builtin()
    key = _key(name)
    if key not in known:
        nearest = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(nearest)}? " if nearest else ""
        named = [one for one in known if not one.startswith("pless_sweep_")]
        raise ModelError(
            f"no network is called {name!r}. {hint}Built in: {', '.join(named)} and "
            f"{len(known) - len(named)} pless_sweep_* (`subbyte count --list`); a file must end in .toml"
        )
    return known[key]


@cache
def _builtin() -> dict[str, tuple[ArchSpec, Published | None]]:
    found: dict[str, tuple[ArchSpec, Published | None]] = {}
    for name, entry in tomllib.loads(_NETWORKS.read_text("utf-8")).items():
        facts = entry.pop("published", None)
        rule = "hello_edge" if entry["family"] == DsCnn.family else "peter2020"
        arch = arch_from_dict({"name": name} | entry, f"{_NETWORKS.name}: {name}")
        found[name] = (arch, Published(rule=rule, **facts) if facts else None)
    return found
