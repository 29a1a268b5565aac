# SPDX-License-Identifier: Apache-2.0
"""`subbyte profile MODEL`: tables, JSON and picture of one profile agree, and wrong requests are one clear line."""

import json
import re
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.command import Said, subbyte
from tests.models import tiny_model
from toolchain.boards import Power, load_board
from toolchain.device.profile import Profile, profile_model
from toolchain.graph.model import load_model
from toolchain.report.profile_picture import profile_svg
from toolchain.report.profile_table import function_table, kind_table, layer_table, profile_json
from toolchain.report.table import to_text

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    model = tiny_model(tmp_path_factory.mktemp("model"))
    board = replace(load_board("nrf52840-dk"), power=Power(40.0, 3.0, "made up for this test"))
    return profile_model(load_model(model), board)


def test_json_has_what_scripts_rely_on(profile: Profile) -> None:
    told = profile_json(profile)
    assert json.loads(json.dumps(told)) == told
    assert (told["board"], told["core"], told["counted_on"]) == ("nrf52840-dk", "cortex-m4", "mps2-an386")
    for key in ("instructions", "cycles_estimated"):
        assert told[key] == sum(layer[key] for layer in told["layers"])
        assert told[key] == sum(entry[key] for entry in told["functions"])
    for of in (told, *told["layers"]):
        assert of["instructions"] == sum(of["kinds"].values())
    assert all(told[key] > 0 for key in ("flash_bytes", "engine_flash_bytes", "ram_bytes", "stack_bytes"))
    assert [set(layer) >= {"name", "op", "macs", "instructions", "cycles_estimated"} for layer in told["layers"]]
    # 40 uA/MHz at 3 V
    assert told["energy_uj_estimated"] == pytest.approx(told["cycles_estimated"] * 40 * 3e-6)


def test_the_outermost_function_holds_all_the_others(profile: Profile) -> None:
    functions = {entry["function"]: entry for entry in profile_json(profile)["functions"]}
    assert functions["tiny_run"]["instructions_inclusive"] == profile.total.instructions
    assert functions["tiny_run"]["cycles_estimated_inclusive"] == profile.total.cycles
    for entry in functions.values():
        assert entry["instructions"] <= entry["instructions_inclusive"]


def test_tables_show_the_same_sums(profile: Profile) -> None:
    for table in (layer_table(profile), kind_table(profile.total)):
        total = next(line for line in to_text(table).splitlines() if line.startswith("total"))
        assert f"{profile.total.instructions:,}" in total
    assert "tiny_run" in to_text(function_table(profile.run))


def test_the_picture_is_well_formed_and_to_scale(profile: Profile) -> None:
    drawn = ET.fromstring(profile_svg(profile))
    name = "{http://www.w3.org/2000/svg}"
    boxes = {group[0].text: group[1] for group in drawn.iter(f"{name}g")}
    whole = next(box for said, box in boxes.items() if said and said.startswith("tiny: "))
    layers = [box for box in boxes.values() if box.get("class") == "layer"]
    assert sum(float(box.get("width", 0)) for box in layers) == pytest.approx(float(whole.get("width", 0)), abs=4)
    for box in boxes.values():
        assert float(box.get("x", 0)) + float(box.get("width", 0)) <= 1261
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", profile_svg(profile))


def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny_model(tmp_path)

    def run(*arguments: object) -> Said:
        return subbyte(monkeypatch, capsys, "profile", *arguments)

    given = tmp_path / "input.bin"
    given.write_bytes(np.arange(40, dtype=np.int8).tobytes())
    told = run(model, "--board", "mps2-an385", "--input", given, "--functions", "--svg", tmp_path / "picture.svg")
    assert told.code == 0 and "branch not taken" in told.out and "sb_softmax_s8" in told.out
    assert ET.parse(tmp_path / "picture.svg").getroot().tag.endswith("svg")
    small = run(model, "--board", "mps2-an385", "--core", "cortex-m0plus", "--optimise", "size", "--json")
    assert json.loads(small.out)["core"] == "cortex-m0plus" and json.loads(small.out)["optimise"] == "size"
    given.write_bytes(b"123")
    for arguments, said in (
        ((model, "--board", "mps2-an385", "--input", given), "input.bin: holds 3 bytes; the input of tiny is 40"),
        ((model, "--board", "mps2-an385", "--input", tmp_path / "none"), "none: cannot be read"),
        ((model, "--board", "mps2-an385", "--core", "cortex-m99"), "unknown core 'cortex-m99'"),
        ((model, "--board", "mps2-an385", "--to", "done"), "no --machine, --from and --to: these are for --elf"),
    ):
        failed = run(*arguments)
        assert failed.code == 2 and failed.err.startswith("error: ") and said in failed.err
