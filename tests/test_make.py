# SPDX-License-Identifier: Apache-2.0
"""What the checkout's Makefile would run, without running it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make")


def _last_command(*arguments: str) -> str:
    """The last line that `make -n` prints. Variables that an outer make or shell set do not count."""
    unset = {
        "BUDGET",
        "BOARD",
        "CHECK",
        "MODELS",
        "MODEL",
        "DRY_RUN",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "MAKEOVERRIDES",
    }
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1]


def test_flash_holds_to_a_budget_that_is_named_even_if_it_is_missing() -> None:
    assert '--budget "typo.toml"' in _last_command("flash", "BUDGET=typo.toml")


def test_flash_needs_no_budget_where_none_is_named() -> None:
    assert ("--budget" in _last_command("flash")) == (ROOT / "budget.toml").exists()


@pytest.mark.parametrize("target", ["flash", "report", "budget", "verify"])
def test_paths_may_have_spaces(target: str) -> None:
    assert '"my runs/a b"' in _last_command(target, "MODEL=my runs/a b")


def test_flash_only_shows_the_command_in_a_dry_run() -> None:
    assert _last_command("flash", "DRY_RUN=1").endswith("--dry-run")
    assert "--dry-run" not in _last_command("flash", "DRY_RUN=0")


def test_bench_writes_the_pages_or_checks_them() -> None:
    assert _last_command("bench", "MODELS=my models").endswith('bench --models "my models" --out docs')
    assert _last_command("bench", "CHECK=1").endswith("--check docs/benchmarks.json")
    assert _last_command("bench", "CHECK=0").endswith("--out docs")
