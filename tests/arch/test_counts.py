# SPDX-License-Identifier: Apache-2.0
"""The counting rules give the published figures of every built-in network, exactly."""

import json
from pathlib import Path

import pytest

from toolchain.arch import builtin_names, load_arch, published
from toolchain.arch.counting import arch_facts, count_arch
from toolchain.graph.counting import Rule


@pytest.mark.parametrize("name", [name for name in builtin_names() if published(name)])
def test_each_network_counts_as_published(name: str) -> None:
    facts = published(name)
    assert facts is not None
    counted = count_arch(load_arch(name), Rule(facts.rule))
    assert (counted.operations, counted.memory_bytes) == (facts.operations, facts.memory_bytes)


def test_the_36_searched_networks_count_as_the_data_file_says(shared_data: Path) -> None:
    networks = json.loads((shared_data / "peter2020_architectures.json").read_text())
    assert len(networks) == 36
    for entry in networks:
        arch = load_arch(entry["name"])
        paper, exact = count_arch(arch, Rule.PETER2020), count_arch(arch, Rule.MACS)
        assert paper.operations == paper.macs == entry["macs_published_rule"], entry["name"]
        assert paper.memory_bytes == entry["memory_published_rule"], entry["name"]
        assert exact.operations == exact.macs == entry["macs_exact"], entry["name"]
        facts = arch_facts(arch)
        assert sum(f.weights for f in facts) == entry["weights"], entry["name"]
        assert sum(f.batch_norm_channels for f in facts) == entry["bn_channels"], entry["name"]
        assert [*arch.to_dict()["blocks"]] == entry["blocks"], entry["name"]


@pytest.mark.parametrize(("name", "macs"), [("DS-CNN-S", 2_656_768), ("ds_cnn_m", 9_816_384), ("DS-CNN_L", 28_327_812)])
def test_ds_cnn_macs_are_those_of_the_published_layers(name: str, macs: int) -> None:
    assert count_arch(load_arch(name), Rule.MACS).macs == macs


@pytest.mark.parametrize(
    ("name", "operations", "memory"),
    # What research of the authors' committed networks gives under Hello Edge's rule, to the digits it prints.
    [
        ("pless_sweep_wm0.75_5", "9.31M", "88.6k"),
        ("pless_sweep_wm1.25_5", "10.54M", "97.5k"),
        ("pless_sweep_wm1.25_3", "39.71M", "316.0k"),
        ("pless_sweep_mfcc20_4", "54.80M", "282.4k"),
        ("pless_sweep_mfcc30_2", "222.31M", "889.5k"),
        ("pless_sweep_5", "6.87M", "66.3k"),
    ],
)
def test_residual_additions_count_under_hello_edge(name: str, operations: str, memory: str) -> None:
    counted = count_arch(load_arch(name), Rule.HELLO_EDGE)
    assert f"{counted.operations / 1e6:.2f}M" == operations
    assert f"{(counted.memory_bytes or 0) / 1e3:.1f}k" == memory


def test_a_feed_forward_network_counts_by_hand() -> None:
    """980 inputs, hidden layers of 192, 128, 128 and 128 with batch norm, 12 classes."""
    weights = 980 * 192 + 192 * 128 + 2 * 128 * 128 + 128 * 12
    hidden, biases = 192 + 3 * 128, 192 + 3 * 128 + 12
    macs, hello_edge, peter2020 = (count_arch(load_arch("stream_250k"), rule) for rule in Rule)
    assert (macs.macs, macs.parameters) == (weights, weights + biases) == (247_040, 247_628)
    assert hello_edge.operations == 2 * weights + biases
    assert hello_edge.memory_bytes == weights + biases + 980 + 192
    assert (peter2020.operations, peter2020.parameters) == (weights, weights + 2 * hidden + 12)
    assert peter2020.memory_bytes == 2 * weights + 2 * hidden + 12


def test_rows_sum_to_the_total_under_every_rule() -> None:
    arch = load_arch("pless_sweep_3")
    for rule in Rule:
        counted = count_arch(arch, rule)
        assert sum(row.operations for row in counted.layers) == counted.operations
        stored = sum(row.memory_bytes or 0 for row in counted.layers)
        assert (counted.memory_bytes or 0) == stored + (counted.activation_bytes or 0)
