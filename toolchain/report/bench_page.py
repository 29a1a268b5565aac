# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md: the benchmark as a page, from the results alone. Same results, same bytes."""

from toolchain.bench.likeness import MIN_DENSE_MACS, MIN_MACS, TOLERANCE, Likeness, likenesses, together
from toolchain.bench.peers import Metric, Peers
from toolchain.bench.result import Bench, Origin
from toolchain.report.bench_tables import (
    MEMORY_CORE,
    core_title,
    layer_table,
    likeness_table,
    memory_table,
    per_mac_table,
    ratio_table,
    single_layers_table,
    sources_table,
    speed_table,
)
from toolchain.report.table import Table, to_markdown

PICTURE = "benchmarks.svg"
RECORD = "benchmarks.json"
PAGE = "benchmarks.md"


def bench_page(bench: Bench, peers: Peers) -> str:
    """The whole page; it shows PICTURE and names RECORD, which lie beside it."""
    named = [result.network for result in bench.results if result.origin is Origin.NAMED]
    parts = [_HEAD.format(tools=bench.tools, options=f", `{bench.options}`" if bench.options else "")]
    if named:
        parts.append(f"![Subbyte beside TFLite Micro with CMSIS-NN: instructions, flash and RAM]({PICTURE})")
    parts += ["## Networks that have peers' figures", _PEERS if named else _NO_PEERS]
    parts += [_section(speed_table(bench, peers, name)) for name in dict.fromkeys(named)]
    parts.append(_section(memory_table(bench, peers)))
    singles = [_section(single_layers_table(bench, peers, core)) for core in _single_cores(bench)]
    if singles:
        parts += ["## Single layers", _LAYERS, *singles]
    parts += ["## Every network, every core", _EVERY]
    parts += [_section(per_mac_table(bench, metric)) for metric in (Metric.INSTRUCTIONS, Metric.CYCLES)]
    parts += ["## No kernel is tuned to one shape", *_likeness(likenesses(bench))]
    layers = [result for result in bench.results if result.origin is Origin.NAMED and result.core == MEMORY_CORE]
    if layers:
        parts += [
            f"## Layer by layer on the {core_title(MEMORY_CORE)}",
            *(_section(layer_table(one)) for one in layers),
        ]
    parts += ["## Where the peers' figures come from", _section(sources_table(peers)), _AGAIN]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(table: Table) -> str:
    return to_markdown(table)


def _single_cores(bench: Bench) -> list[str]:
    return list(dict.fromkeys(result.core for result in bench.results if result.origin is Origin.LAYER))


def _likeness(found: tuple[Likeness, ...]) -> list[str]:
    """The rule; the verdict over all generated networks; single networks that are over it; the whole, folded away."""
    if not found:
        return ["No generated network was measured."]
    kinds = together(found)
    over = sum(not one.ok for one in kinds)
    slower = [one for one in found if not one.ok]
    parts = [
        _RULE.format(macs=f"{MIN_MACS:,}", dense=MIN_DENSE_MACS, tolerance=f"{TOLERANCE:.0%}"),
        *(_section(ratio_table(kinds, metric)) for metric in (Metric.INSTRUCTIONS, Metric.CYCLES)),
        f"**{len(kinds)} pairs of core and kind, {over} over {1 + TOLERANCE:.2f}.** Each network by itself: "
        f"{len(found)} comparisons, {len(slower)} over it. {sum(one.unlike for one in found)} layers have no published "
        f"layer of about their length and are left out.",
    ]
    if slower:
        parts.append(_section(likeness_table(slower)))
    whole = to_markdown(likeness_table(found)).split("\n", 2)[2]
    parts.append(f"<details>\n<summary>All {len(found)} comparisons</summary>\n\n{whole.strip()}\n\n</details>")
    return parts


_HEAD = """
# Benchmarks

Made by `make bench`, do not edit. The same figures, for programs: [benchmarks.json](benchmarks.json).
Tools: {tools}{options}.

**Before anything is counted it is exact.** The firmware that is counted gives the very bytes of the reference
interpreter, and of tflite-micro on the host, for two random inputs and the two extremes of int8.

| how | what it means here |
|:---|:---|
| emulated | instructions of one inference, counted in QEMU by `subbyte profile`: exact, the same everywhere |
| estimated | cycles of those instructions by the core's timing table, no wait states; QEMU has no timing |
| linked | bytes in the linked firmware |
| published | what others report of theirs on real boards, by their own means |

No column mixes two of them. Instruction counts flatter instructions that move several words, and cycles are
estimates: a claim here holds in both. M0+ code is compiled for the Cortex-M0+ and run on the emulated Cortex-M3.
"""

_PEERS = """
The two networks of the MLCommons Tiny benchmark that we have as files, trained by others. Empty cells: nobody's figure
is known to us. ST's cycles were measured on real boards; ours are estimated, and know no wait states.
"""

_NO_PEERS = "None of the networks that peers have figures for was there when this page was made."

_LAYERS = """
The layers that the peers' study measured alone, with weights from a seed. Ours are one call of the network's run
function, from its first instruction to its return.
"""

_EVERY = """
named: published and trained, from a file. built-in: architectures of Hello Edge and of Peter et al., weights from a
seed. generated: made for this benchmark, with odd channel counts, maps that are not square and one to three channels
in (`toolchain/bench/generated.py`).
"""

_RULE = """
Layers of the generated networks are held against layers of the published ones (named and built-in) of the same kind.
The time of a layer has a part for each product and a part for each output, so like is compared with like *at equal
lengths of sums*: published layers of one kind and length are a point (instructions per output), between points the
line is straight, and a length at most a third outside counts as the nearest point's, at its instructions per MAC. A
first convolution is held against those with half to twice as many output channels, which share the gathered input.
Layers below {macs} MACs ({dense} for fully connected ones) are left out: there a call costs more than its work. The
generated networks pass if their layers of a kind together take at most {tolerance} more than the published ones would,
in instructions and in estimated cycles.
"""

_AGAIN = """
## Check it yourself

    make bench                                             # measure, and write this page anew
    make bench CHECK=1                                     # measure, and hold it against benchmarks.json
    subbyte bench model.tflite --board mps2-an386          # a model of your own
    subbyte bench --layers                                 # single layers
    subbyte bench --compare model.tflite --board mps2-an386 --tflm-lib libtensorflow-microlite.a --tflm-include DIR

The last line builds a firmware around your TFLite Micro library, counts it with the same plugin, and prints both
columns. Counts repeat only with the same compiler and C library: with others `CHECK=1` says so and compares nothing.
"""
