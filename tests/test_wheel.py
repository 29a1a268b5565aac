# SPDX-License-Identifier: Apache-2.0
"""The wheel works away from the checkout: boards, templates and C kernels travel inside it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built offline with the build backend of the test extra."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, ROOT],
        check=True,
        cwd=folder,
    )
    (built,) = folder.glob("subbyte-*.whl")
    return built


def test_every_asset_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("boards", "firmware_templates"):
        tracked = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert tracked
        for path in tracked:
            assert f"toolchain/_assets/{path.relative_to(ROOT).as_posix()}" in inside


def test_every_file_of_the_package_that_is_no_python_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    beside = [path for path in (ROOT / "toolchain").rglob("*") if path.suffix in (".c", ".toml", ".j2")]
    assert {path.suffix for path in beside} == {".c", ".toml", ".j2"}
    for path in beside:
        assert path.relative_to(ROOT).as_posix() in inside


def test_an_installed_wheel_knows_its_boards_and_networks(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", site, wheel], check=True, cwd=tmp_path
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def subbyte(*arguments: str) -> str:
        # -S would lose the dependencies; PYTHONPATH comes before the editable install of this checkout.
        program = "import toolchain.cli as c, sys; print(c.__file__, file=sys.stderr); c.main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            check=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert str(site) in done.stderr
        return done.stdout

    assert "mps2-an386" in subbyte("boards")
    counted = json.loads(subbyte("count", "ds_cnn_s", "--rule", "hello_edge", "--json"))
    assert counted["operations"] == 5_385_548
