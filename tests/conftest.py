# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several folders of tests share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolchain.data.decoding import forget_corpus
from toolchain.data.synth import SynthSpec, synthesise_corpus

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data beside the checkout. A test that asks for it is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def synth_corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A synthetic corpus: ten keywords of 20 clips, twenty other words of 4, 5 s of each noise. Do not write to it."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    folder = tmp_path_factory.mktemp("speech") / "synth"
    synthesise_corpus(folder, SynthSpec(clips_per_word=20, noise_seconds=5))
    yield folder
    forget_corpus(folder)
