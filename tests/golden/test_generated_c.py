# SPDX-License-Identifier: Apache-2.0
"""The text of the generated C, whole: a net of two layers with weights, with DSP instructions and without.

What changes here changes every generated model. `make golden` rewrites the files.
"""

from pathlib import Path

import pytest

from tests.graphs import GraphBuilder
from toolchain.core import known_core
from toolchain.export.c import c_sources

HERE = Path(__file__).parent


def _generated(core: str) -> dict[str, str]:
    net = GraphBuilder("two_layers", (1, 4, 3, 2), scale=0.05, zero_point=-3, seed=1)
    graph = net.conv2d(3, (2, 2), scale=0.06, zero_point=4).mean(scale=0.02).fully_connected(2, scale=0.1).graph()
    sources = c_sources(graph, known_core(core)).sources
    return {Path(path).name: text for path, text in sources.items() if path.startswith("model/")}


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_text_is_the_one_that_was_reviewed(core: str, rewrite: bool) -> None:
    folder = HERE / f"two_layers_{core.replace('-', '_')}"
    generated = _generated(core)
    if rewrite:
        folder.mkdir(exist_ok=True)
        for name, text in generated.items():
            (folder / name).write_text(text, encoding="utf-8")
    assert sorted(path.name for path in folder.iterdir()) == sorted(generated)
    for name, text in generated.items():
        assert text == (folder / name).read_text(encoding="utf-8"), f"{folder.name}/{name}"
