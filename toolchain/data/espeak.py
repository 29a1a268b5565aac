# SPDX-License-Identifier: Apache-2.0
"""espeak-ng as a process: which voices this machine has, and one word spoken by one of them.

The only file of data/ that starts a process (pyproject.toml lifts the ban for it): speech is needed where no firmware
is ever built, and calling the program keeps its licence (GPL-3) apart from ours, which linking its library would not.
"""

import io
import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from toolchain.data.layout import SAMPLE_RATE_HZ
from toolchain.errors import ToolError

_TIMEOUT_S = 30


@dataclass(frozen=True)
class Speech:
    """How a word is spoken. accent and variant: espeak-ng's names; pitch 0..99; speed in words a minute."""

    accent: str
    variant: str
    pitch: int
    speed_wpm: int


def espeak_version() -> str:
    """Version of the installed espeak-ng, like `1.51`. Raises ToolError where there is none."""
    found = re.search(r"\d+(\.\d+)+", _run("--version").decode(errors="replace"))
    return found[0] if found else "unknown"


def installed_accents() -> frozenset[str]:
    """Names of the English voices, `en-gb` and so on, without those that need mbrola. Raises ToolError."""
    rows = _voice_files("--voices=en")
    return frozenset(language.lower() for language, file in rows if not file.startswith("mb/"))


def installed_variants() -> frozenset[str]:
    """Names of the voice variants, as they stand after `+`. Raises ToolError."""
    return frozenset(file.removeprefix("!v/") for _, file in _voice_files("--voices=variant"))


def speak(text: str, how: Speech) -> NDArray[np.float32]:
    """Speak: float32 [n] at 16 kHz, full scale ±1, with espeak's silence around it; n may be 0. Raises ToolError.

    A variant that is not installed is spoken by the plain voice without an error: ask installed_variants first.
    """
    voice = f"{how.accent}+{how.variant}"
    sound = _run("-v", voice, "-p", str(how.pitch), "-s", str(how.speed_wpm), "--stdout", "--", text)
    if not sound:
        return np.zeros(0, np.float32)
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(sound), dtype="float32")
    except soundfile.SoundFileError as error:
        raise ToolError(f"espeak-ng wrote no sound for {text!r} with voice {voice}: {error}") from error
    resampled: NDArray[np.float32] = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    return resampled


def _voice_files(option: str) -> list[tuple[str, str]]:
    """(language, file) of each row of espeak-ng's table, `Pty Language Age/Gender VoiceName File Other`."""
    lines = _run(option).decode(errors="replace").splitlines()
    rows = (line.split() for line in lines[1:])
    return [(row[1], row[4]) for row in rows if len(row) >= 5]


def _run(*arguments: str) -> bytes:
    program = shutil.which("espeak-ng")
    if program is None:
        raise ToolError(
            "espeak-ng is not installed; the synthetic corpus is spoken by it. Install it: "
            "sudo apt-get install espeak-ng"
        )
    try:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"espeak-ng gave no answer within {_TIMEOUT_S} s: espeak-ng {' '.join(arguments)}") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise ToolError(f"espeak-ng failed: {reason}")
    return done.stdout
