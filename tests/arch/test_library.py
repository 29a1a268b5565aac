# SPDX-License-Identifier: Apache-2.0
"""Networks by name and by file, and what is said of a wrong one."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.arch import arch_from_dict, builtin_names, load_arch, published, save_arch
from toolchain.arch.ds_cnn import DsCnn, Stage
from toolchain.arch.peter2020 import CANDIDATES, WIDTHS, Peter2020
from toolchain.errors import ModelError


def test_40_networks_are_built_in_one_of_them_ours() -> None:
    assert len(builtin_names()) == 40
    assert [name for name in builtin_names() if published(name) is None] == ["stream_250k"]


@pytest.mark.parametrize("spelling", ["ds_cnn_s", "DS-CNN-S", "DS_CNN_S", "ds-cnn-s"])
def test_a_name_may_be_spelt_as_in_the_paper(spelling: str) -> None:
    assert load_arch(spelling).name == "ds_cnn_s"


@pytest.mark.parametrize("name", builtin_names())
def test_a_saved_network_is_read_back_equal(name: str, tmp_path: Path) -> None:
    save_arch(load_arch(name), tmp_path / "network.toml")
    assert load_arch(tmp_path / "network.toml") == load_arch(name)


@given(
    st.sampled_from(WIDTHS),
    st.integers(1, 64),
    st.sampled_from(CANDIDATES[:-1]),
    st.lists(st.sampled_from(CANDIDATES), min_size=11, max_size=11),
)
def test_any_network_of_the_space_survives_as_plain_data(
    width: float, coefficients: int, first: str, rest: list[str]
) -> None:
    arch = Peter2020(name="any", width=width, coefficients=coefficients, blocks=(first, *rest))
    assert arch_from_dict(arch.to_dict(), "test") == arch


def test_identifier_is_fit_for_c() -> None:
    assert load_arch("pless_sweep_wm0.75_5").identifier == "pless_sweep_wm0_75_5"


def _text(**changes: str) -> str:
    fields = {
        "family": '"ds_cnn"',
        "name": '"mine"',
        "frames": "49",
        "coefficients": "10",
        "stem": "{ channels = 8, kernel = [3, 3], stride = [2, 2] }",
        "blocks": "[{ channels = 8, kernel = [3, 3] }]",
    } | changes
    return "".join(f"{key} = {value}\n" for key, value in fields.items() if value)


def test_a_file_may_leave_out_what_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(_text())
    arch = load_arch(tmp_path / "mine.toml")
    assert arch == DsCnn(
        name="mine",
        frames=49,
        coefficients=10,
        stem=Stage(8, (3, 3), (2, 2)),
        blocks=(Stage(8, (3, 3)),),
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family": '"cnn"'}, "family is 'cnn', must be one of: ds_cnn, feed_forward, peter2020"),
        ({"family": ""}, "family is None"),
        ({"frames": "0"}, "frames is 0, must be 1..1024"),
        ({"frames": '"49"'}, "frames: Input should be a valid integer"),
        ({"frames": "49.5"}, "frames: Input should be a valid integer"),
        ({"frames": ""}, "frames: Field required"),
        ({"coefficients": "100000"}, "coefficients is 100000, must be 1..256"),
        ({"name": '"a b"'}, "architecture name 'a b'"),
        ({"kernel": "3"}, "kernel: Unexpected keyword argument"),
        ({"stem": "{ channels = 8, kernel = [3] }"}, "stem.kernel"),
        ({"stem": "{ channels = 0, kernel = [3, 3] }"}, "stem.channels is 0, must be 1..4096"),
        ({"stem": "{ channels = 8, kernel = [3, 300] }"}, "stem.kernel is 300, must be 1..64"),
        ({"blocks": "[{ channels = 8, kernel = [3, 3], stride = [0, 1] }]"}, "blocks[1].stride is 0, must be 1..16"),
        ({"blocks": "[" + "{ channels = 8, kernel = [3, 3] }," * 257 + "]"}, "257 blocks, at most 256"),
        ({"frames": "[[["}, "is not TOML"),
        ({"frames": "[" * 9999}, "is nested too deeply"),
        ({"frames": "nan"}, "frames"),
        ({"frames": "1979-05-27"}, "not JSON serializable"),
    ],
)
def test_a_wrong_file_is_one_error_that_names_file_and_key(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(_text(**changes))
    with pytest.raises(ModelError) as caught:
        load_arch(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 0.5}, "width is 0.5, must be one of [0.75, 1.0, 1.25]"),
        ({"blocks": ("k3e1",) * 11}, "11 blocks, must be 12"),
        ({"blocks": ("id",) + ("k3e1",) * 11}, "block 1 has stride 2x2 and cannot be 'id'"),
        ({"blocks": ("k3e1",) * 11 + ("k4e1",)}, "block 12 is 'k4e1'"),
        ({"blocks": ("k3e1",) * 11 + ("k3e7",)}, "block 12 is 'k3e7'"),
    ],
)
def test_outside_the_space_of_peter2020_is_an_error(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match="pless_sweep_5: ") as caught:
        replace(load_arch("pless_sweep_5"), **changes)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("widths", "said"),
    [((), "0 widths, must be 1..256"), ((8, 0), "widths[2] is 0, must be 1..4096"), ((8,) * 257, "257 widths")],
)
def test_a_feed_forward_network_has_hidden_layers(widths: tuple[int, ...], said: str) -> None:
    with pytest.raises(ModelError, match="stream_250k: ") as caught:
        replace(load_arch("stream_250k"), widths=widths)  # type: ignore[call-arg]
    assert said in str(caught.value)


def test_a_misspelt_name_is_told_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"Did you mean pless_sweep_wm0\.75_5, "):
        load_arch("pless_sweep_wm0.7_5")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.toml: cannot be read: No such file"):
        load_arch(tmp_path / "nowhere.toml")


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="is not UTF-8 text"):
        load_arch(tmp_path / "x.toml")
