# SPDX-License-Identifier: Apache-2.0
"""`subbyte count`: operations, memory and parameters of a network, under one named rule or all of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from toolchain.arch.counting import arch_facts
from toolchain.arch.library import arch_from_dict, builtin_names, load_arch
from toolchain.errors import ModelError
from toolchain.graph.counting import Count, LayerFacts, Rule, count_facts
from toolchain.measure import How
from toolchain.report.console import print_json, print_table
from toolchain.report.table import Column, Row, Table, Tone

HELP = """Operations, memory and parameters of a network under a named rule.

NETWORK is the name of a built-in network, a .toml architecture, a run folder, or a model file (.onnx, .tflite).

The rules (kB = 1000 bytes):

\b
  macs        exact multiply-accumulates; no memory
  hello_edge  2 x MAC + 1 per output; 8-bit weights and biases + largest input + output of a layer
  peter2020   MACs with strided sizes rounded down; 2 x weights + 2 x batch-norm channels + dense biases

What linked firmware takes (bytes of flash and RAM) is no rule: see `subbyte report`.

Examples:

\b
  subbyte count DS-CNN-S
  subbyte count pless_sweep_wm0.75_5 --rule peter2020 --json
  subbyte count my_network.toml --rule hello_edge
  subbyte count --list
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def count(
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help="Name, .toml, run folder or model.")] = None,
    rule: Annotated[str | None, typer.Option(help=f"One of {', '.join(Rule)}; all of them without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
    names: Annotated[bool, typer.Option("--list", help="Names of the built-in networks, one a line.")] = False,
) -> None:
    """See HELP."""
    if names:
        for name in builtin_names():
            print(name)
        return
    if network is None:
        raise typer.BadParameter("a network is needed: a name (see --list), a .toml, a run folder or a model file")
    facts = _facts(network)
    counts = [count_facts(facts, chosen) for chosen in ([_rule(rule)] if rule else Rule)]
    if as_json:
        found = [_plain(one) for one in counts]
        print_json(found[0] if rule else found)
    else:
        print_table(_table(network, facts, counts))


def _rule(name: str) -> Rule:
    try:
        return Rule(name)
    except ValueError:
        hint = "; linked firmware is counted by `subbyte report`" if name == "device" else ""
        raise ModelError(f"rule {name!r} is not one of {', '.join(Rule)}{hint}") from None


def _facts(network: str) -> tuple[LayerFacts, ...]:
    """Facts of whatever `network` names. Raises ModelError."""
    path = Path(network)
    if path.is_dir():
        from toolchain.nets.run_folder import load_record

        return arch_facts(arch_from_dict(load_record(path).arch, f"{path}/run.json: arch"))
    if path.suffix.lower() in (".onnx", ".tflite"):
        from toolchain.graph.cost import graph_facts
        from toolchain.graph.model import load_model

        return graph_facts(load_model(path))
    return arch_facts(load_arch(network))


def _plain(one: Count) -> dict[str, object]:
    """The keys that scripts may rely on first, then the rest."""
    return asdict(one)


def _table(title: str, facts: tuple[LayerFacts, ...], counts: list[Count]) -> Table:
    columns = [Column("layer", text=True), Column("operator", text=True), Column("output", text=True)]
    columns += [Column(one.rule, unit="operations", how=How.ESTIMATED) for one in counts]
    with_memory = [one for one in counts if one.memory_bytes is not None]
    columns += [Column(one.rule, unit="bytes", how=How.ESTIMATED) for one in with_memory]
    rows = [
        Row(
            (
                fact.name,
                fact.op,
                "x".join(str(size) for size in fact.output_shape),
                *(one.layers[index].operations for one in counts),
                *(one.layers[index].memory_bytes for one in with_memory),
            )
        )
        for index, fact in enumerate(facts)
    ]
    empty: tuple[None, ...] = (None,) * len(counts)
    if any(one.activation_bytes for one in with_memory):
        activations = (one.activation_bytes for one in with_memory)
        rows.append(Row(("activations", "", "", *empty, *activations)))
    totals = (*(one.operations for one in counts), *(one.memory_bytes for one in with_memory))
    rows.append(Row(("total", "", "", *totals), Tone.TOTAL))
    parameters = "; ".join(f"{one.rule}: {one.parameters:,}" for one in counts)
    notes = [f"Parameters under {parameters}."]
    notes += [
        f"Activations under {one.rule}: input and output of {one.activation_layer}, the largest of all layers."
        for one in with_memory
        if one.activation_layer
    ]
    return Table(title, tuple(columns), tuple(rows), tuple(notes))
