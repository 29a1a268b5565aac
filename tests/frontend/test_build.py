# SPDX-License-Identifier: Apache-2.0
"""The host library: compiled once, found again, rebuilt where it is broken."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from toolchain.errors import SubbyteError, ToolError
from toolchain.frontend import FeatureSpec, Frontend, Normalisation, bc_resnet, build, hello_edge, peter2020
from toolchain.frontend.build import _library, load_library

IDENTITY = Normalisation.identity(10)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and nothing loaded yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    _library.cache_clear()
    return tmp_path


def kept(home: Path) -> list[Path]:
    return list((home / ".cache" / "subbyte").glob("frontend-*"))


def test_second_load_starts_no_compiler(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_library(hello_edge(), IDENTITY)
    assert len(kept(home)) == 1
    _library.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    load_library(hello_edge(), IDENTITY)


def test_other_normalisation_is_another_library(home: Path) -> None:
    load_library(hello_edge(), IDENTITY)
    load_library(hello_edge(), Normalisation((1,) * 10, (1,) * 10, (8,) * 10))
    assert len(kept(home)) == 2


def test_truncated_library_is_built_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_library(hello_edge(), IDENTITY)
    whole = kept(home)[0]
    other_home = home / "other"  # a path that this process has not loaded
    broken = other_home / whole.relative_to(home)
    broken.parent.mkdir(parents=True)
    broken.write_bytes(whole.read_bytes()[:100])
    monkeypatch.setenv("HOME", str(other_home))
    _library.cache_clear()
    assert load_library(hello_edge(), IDENTITY).frontend_host_scratch_bytes() > 4096
    assert broken.stat().st_size == whole.stat().st_size


def test_home_that_cannot_be_written_is_done_without(home: Path) -> None:
    (home / ".cache").write_text("a file where a folder should be")
    assert load_library(hello_edge(), IDENTITY).frontend_host_scratch_bytes() > 4096


def test_user_without_a_home_is_served(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert load_library(hello_edge(), IDENTITY).frontend_host_scratch_bytes() > 4096


def test_missing_compiler_is_told_with_the_line_to_type(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match=r"no C compiler .*sudo apt-get install gcc libc6-dev"):
        load_library(hello_edge(), IDENTITY)


def test_failing_compiler_is_told_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-include", "no_such_header.h"))
    with pytest.raises(ToolError, match=r"cannot compile the front end: .*no_such_header\.h") as caught:
        load_library(hello_edge(), IDENTITY)
    assert "\n" not in str(caught.value)
    assert kept(home) == []


def test_zero_threads_are_refused() -> None:
    with pytest.raises(SubbyteError, match="threads 0: at least one"):
        Frontend(hello_edge()).raw(np.zeros((1, 16_000), np.int16), threads=0)


@pytest.mark.parametrize(
    "spec", [hello_edge(), peter2020(40), bc_resnet()], ids=["hello_edge-10", "peter2020-40", "bc_resnet-40"]
)
def test_twenty_five_thousand_clips_take_under_a_minute(spec: FeatureSpec) -> None:
    """CPU time of one thread, so that a busy machine does not fail it: 60 s on 2 cores are 4.8 ms a clip."""
    frontend = Frontend(spec)
    audio = np.random.default_rng(0).normal(0, 2000, (200, spec.clip_samples)).astype(np.int16)
    start = time.process_time()
    frontend.raw(audio, threads=1)
    ms = (time.process_time() - start) * 1000 / len(audio)
    print(f"{spec.kind} {spec.shape}: {ms:.3f} ms of CPU a clip, {ms * 25 / 2:.1f} s for 25,000 on 2 cores")
    assert ms < 4.8


def test_library_is_linked_to_no_mathematics(home: Path) -> None:
    load_library(hello_edge(), IDENTITY)
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", str(kept(home)[0])], capture_output=True, text=True, check=True
    )
    wanted = {line.split()[-1].split("@")[0] for line in symbols.stdout.splitlines() if " U " in line}
    assert wanted <= {"memcpy", "memset"}
