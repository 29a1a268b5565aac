# SPDX-License-Identifier: Apache-2.0
"""Results that nobody measured, for tests of what is made of them."""

from dataclasses import replace

from toolchain.bench.kinds import LayerKind, LayerWork
from toolchain.bench.result import Bench, Exactness, LayerCost, Origin, Result


def layer(name: str, kind: LayerKind, length: int, outputs: int, per_output: float, channels: int = 10) -> LayerCost:
    """A layer that takes `per_output` instructions for one output, and one cycle and a half for each."""
    instructions = round(per_output * outputs)
    return LayerCost(
        name, f"sb_{name}", LayerWork(kind, length, outputs, channels), instructions, instructions * 3 // 2
    )


def result(name: str, origin: Origin, *layers: LayerCost, core: str = "cortex-m4") -> Result:
    """A network of `layers` on `core`."""
    instructions, cycles = sum(one.instructions for one in layers), sum(one.cycles for one in layers)
    macs = sum(one.work.macs for one in layers if one.work)
    exactness = Exactness(4, 48, ("tflite-micro", core))
    facts = {"engine_flash": 34_000, "firmware_flash": 35_500, "arena": 9_000, "static": 4, "stack": 300}
    return Result(
        network=name,
        title=f"network {name}",
        origin=origin,
        graph_sha256="0" * 64,
        macs=macs,
        board=f"board-of-{core}",
        core=core,
        exactness=exactness,
        instructions=instructions,
        cycles=cycles,
        layers=layers,
        **facts,
    )


def two_networks(*, factor: float = 1.0) -> Bench:
    """A published network and a generated one whose layers take `factor` of what they should, on two cores."""
    known = (
        layer("short", LayerKind.POINTWISE, 32, 1000, 54),
        layer("long", LayerKind.POINTWISE, 64, 1000, 86),
        layer("stem", LayerKind.FIRST, 27, 1000, 60),
    )
    made = (
        layer("between", LayerKind.POINTWISE, 48, 1000, 70 * factor),
        layer("outside", LayerKind.POINTWISE, 500, 1000, 700),
        layer("small", LayerKind.POINTWISE, 48, 10, 7000),
        layer("first", LayerKind.FIRST, 25, 1000, 60 * 25 / 27 * factor),
    )
    m4 = (result("kws", Origin.NAMED, *known), result("odd", Origin.GENERATED, *made))
    m3 = tuple(replace(one, core="cortex-m3", board="board-of-cortex-m3") for one in m4)
    return Bench("qemu 7.2.1, gcc 12.2.1", "", (*m4, *m3))
