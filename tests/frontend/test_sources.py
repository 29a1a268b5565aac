# SPDX-License-Identifier: Apache-2.0
"""The C a firmware gets: the same text each time, clean under sanitizers and for every core."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.frontend.sounds import PUBLISHED, extreme_audio, random_specs, write_sources
from toolchain.errors import SubbyteError
from toolchain.export.frontend_c import frontend_sources
from toolchain.frontend import FeatureSpec, Normalisation, hello_edge, log_mel, numpy_frontend
from toolchain.frontend.build import WARNINGS

# Of frontend_config.h and frontend_tables.c. A change of a number there changes the features of every trained model.
TABLE_HASHES = {
    "hello_edge-10": "d93a277ab3d64012",
    "peter2020-10": "d4a73deaf5c510a8",
    "peter2020-40": "48ae4414c01150cd",
    "log_mel-40": "267f5d2a3b6ffd5e",
    "bc_resnet-40": "8f4dc4798d4dbd0f",
}
HARNESS = """
#include <stdio.h>
#include "frontend/frontend.h"

static int16_t audio[FRONTEND_CLIP_SAMPLES + 4 * FRONTEND_RING_SAMPLES];
static int8_t features[FRONTEND_FRAMES * FRONTEND_FEATURES];
static frontend_stream_t stream;
static frontend_listener_t listener;

int main(void)
{
    while (fread(audio, sizeof audio[0], FRONTEND_CLIP_SAMPLES, stdin) == FRONTEND_CLIP_SAMPLES) {
        frontend_clip(audio, features);
        fwrite(features, 1, sizeof features, stdout);
        frontend_stream_reset(&stream);
        frontend_listener_reset(&listener);
        int8_t row[FRONTEND_FEATURES];
        for (int32_t at = 0; at + FRONTEND_HOP_SAMPLES <= FRONTEND_CLIP_SAMPLES; at += FRONTEND_HOP_SAMPLES) {
            (void)frontend_stream_push(&stream, audio + at, row);
            (void)frontend_listener_push(&listener, audio + at, features);
        }
    }
    return 0;
}
"""


def test_same_spec_gives_the_same_text() -> None:
    normalisation = Normalisation.identity(10)
    assert frontend_sources(hello_edge(), normalisation) == frontend_sources(hello_edge(), normalisation)


@pytest.mark.parametrize("name", PUBLISHED)
def test_tables_are_those_that_models_were_trained_with(name: str) -> None:
    spec = PUBLISHED[name]
    text = frontend_sources(spec, Normalisation.identity(spec.n_features))
    generated = text["frontend/frontend_config.h"] + text["frontend/frontend_tables.c"]
    assert hashlib.sha256(generated.encode()).hexdigest()[:16] == TABLE_HASHES[name]


def test_only_what_is_used_is_there() -> None:
    mfcc = frontend_sources(hello_edge(), Normalisation.identity(10))
    logmel = frontend_sources(log_mel(), Normalisation.identity(40))
    assert "frontend/frontend_dct.c" in mfcc
    assert "frontend/frontend_logmel.c" not in mfcc
    assert "frontend/frontend_dct.c" not in logmel
    assert "root_chords" not in logmel["frontend/frontend_tables.c"]


def test_text_is_narrow_and_names_no_machine() -> None:
    for name, text in frontend_sources(hello_edge(), Normalisation.identity(10)).items():
        assert max(map(len, text.splitlines())) <= 120, name
        assert text.startswith("/* SPDX-License-Identifier: Apache-2.0 */\n")
        assert text.endswith("\n") and "\r" not in text
        assert not re.search(r"/home|/work|/tmp|\b(float|double|malloc)\b(?!-| features)", text), name


def test_another_runs_normalisation_is_refused() -> None:
    with pytest.raises(SubbyteError, match="normalisation of 9 features for a front end of 10"):
        frontend_sources(hello_edge(), Normalisation.identity(9))


SANITIZED = [PUBLISHED["hello_edge-10"], PUBLISHED["peter2020-10"], *random_specs(14, seed=3)[:6]]


@pytest.mark.parametrize("spec", SANITIZED, ids=["hello_edge-10", "peter2020-10", *(f"random-{i}" for i in range(6))])
def test_extreme_sounds_break_no_rule_of_c(spec: FeatureSpec, tmp_path: Path) -> None:
    normalisation = Normalisation((-32768,) * spec.n_features, (16384,) * spec.n_features, (21,) * spec.n_features)
    units = write_sources(tmp_path, {**frontend_sources(spec, normalisation), "main.c": HARNESS})
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    program = tmp_path / "harness"
    subprocess.run(["cc", "-std=c11", *WARNINGS, *sanitizers, "-o", program, *units], check=True)
    audio = np.stack(list(extreme_audio(spec).values()))
    run = subprocess.run([program], input=audio.tobytes(), capture_output=True)
    assert run.returncode == 0, run.stderr.decode()[:2000]
    features = np.frombuffer(run.stdout, np.int8).reshape(len(audio), *spec.shape)
    assert np.array_equal(features, numpy_frontend.features(spec, normalisation, audio))


@pytest.mark.arm
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"])
def test_firmware_compiles_without_a_warning_and_calls_no_library(core: str, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    for name in ("hello_edge-10", "peter2020-40", "log_mel-40"):
        spec = PUBLISHED[name]
        units = write_sources(tmp_path / name, frontend_sources(spec, Normalisation.identity(spec.n_features)))
        flags = [f"-mcpu={core}", "-mthumb", "-mfloat-abi=soft", "-std=c11", "-O2", "-ffreestanding"]
        subprocess.run(["arm-none-eabi-gcc", *flags, *WARNINGS, "-c", *units], cwd=tmp_path / name, check=True)
        objects = sorted(str(path) for path in (tmp_path / name).glob("*.o"))
        nm = subprocess.run(["arm-none-eabi-nm", *objects], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in nm.splitlines() if line and not line.endswith(":")]
        defined = {row[2] for row in rows if len(row) == 3 and row[1].isupper()}
        wanted = {row[1] for row in rows if len(row) == 2 and row[0] == "U"} - defined
        assert all(symbol.startswith("frontend_") for symbol in defined), defined
        # 64-bit products, shifts and leading zeros on cores without such instructions: libgcc's, no libc, no float
        integer_helpers = {"__aeabi_lmul", "__aeabi_llsl", "__aeabi_llsr", "__aeabi_lasr", "__clzsi2"}
        assert wanted <= {"memcpy", "memset"} | integer_helpers, wanted
        size = subprocess.run(["arm-none-eabi-size", "-t", *objects], capture_output=True, text=True, check=True).stdout
        text, data, bss = (int(field) for field in size.splitlines()[-1].split()[:3])
        print(f"{name} for {core} at -O2: flash {text} B, RAM {data + bss} B")
        assert data == 0
        assert bss == (4 * spec.fft_size + 4 * spec.n_bands + 2 * spec.n_features + 3) // 4 * 4
        assert text < 8192
