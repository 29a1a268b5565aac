# SPDX-License-Identifier: Apache-2.0
"""The README's commands and folders exist, so that a newcomer is not sent astray."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from toolchain.cli.app import VERBS, app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def _commands() -> list[str]:
    return re.findall(r"^ +(subbyte [^#\n]+)", README, flags=re.MULTILINE)


def test_there_are_commands_to_check() -> None:
    assert len(_commands()) > 5


@pytest.mark.parametrize("command", _commands())
def test_each_command_names_a_verb_and_options_that_exist(command: str) -> None:
    words = command.split()
    group = get_command(app)
    verb = group.get_command(None, words[1])  # type: ignore[attr-defined]
    assert verb is not None
    if subcommands := getattr(verb, "commands", None):
        verb = subcommands[words[2]]
    known = {name for parameter in verb.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_each_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^ +make ([a-z]+)", README, flags=re.MULTILINE))
    assert {"demo", "test", "flash"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:.*## ", makefile, flags=re.MULTILINE), f"make {target} has no help line"


def test_each_folder_of_the_code_map_exists() -> None:
    folders = re.findall(r"^\| `([a-z_/]+/)` \|", README, flags=re.MULTILINE)
    assert len(folders) > 10
    for folder in folders:
        assert (ROOT / folder).is_dir()
    packages = {f"toolchain/{path.name}/" for path in (ROOT / "toolchain").iterdir() if (path / "__init__.py").exists()}
    assert packages <= set(folders)


def test_every_verb_stands_in_the_code() -> None:
    for module, _ in VERBS.values():
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()
