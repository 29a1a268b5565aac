# SPDX-License-Identifier: Apache-2.0
"""A generated model with every tensor and every scratch in an array of its own, of exactly its size.

Inside one arena the address sanitizer cannot see a kernel step out of its buffer. Here each buffer is a global with
the sanitizer's red zones around it. For models without anything in place, where an offset means one thing in a layer.
"""

import re
from dataclasses import replace

from toolchain.export.c import CModel


def guarded(model: CModel) -> CModel:
    """`model` with its arena taken apart. Only the text of model.c changes."""
    assert all(layer.in_place is None or not layer.kernel for layer in model.layers)
    text = model.sources["model/model.c"]
    buffers: dict[str, tuple[str, int]] = {}  # what it holds -> name of its array, bytes

    def buffer(owner: str, n_bytes: int) -> str:
        return buffers.setdefault(owner, (f"guarded_{len(buffers)}", n_bytes))[0]

    root = {a.tensor: a.takes_over for a in model.plan.allocations}

    def of_tensor(tensor: str) -> str:
        while (source := root[tensor]) is not None:  # views share an array
            tensor = source
        return buffer(f"tensor {tensor}", model.plan.allocation(tensor).n_bytes)

    head, run, tail = re.fullmatch(r"(.*\n)(void \w+_run\(void\)\n\{.*?\n\}\n)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    ports = iter([*model.graph.inputs, *model.graph.outputs])
    head = re.sub(r"return \w+_arena \+ \d+;", lambda _: f"return {of_tensor(next(ports))};", head)
    bodies = re.split(r"(?=\n  /\* \d+ )", run)
    assert len(bodies) == len(model.graph.operators) + 1
    for step, op in enumerate(model.graph.operators, start=1):
        tensors = [name for name in (*op.reads, *op.writes) if not model.graph.tensor(name).is_constant]
        spans = [(model.plan.allocation(t).offset, model.plan.allocation(t).end, of_tensor(t)) for t in tensors]
        scratch = model.plan.scratch_of(op.name)
        if scratch is not None:
            spans.append((scratch.offset, scratch.end, buffer(f"scratch {op.name}", scratch.n_bytes)))

        def place(match: re.Match[str], spans: list[tuple[int, int, str]] = spans) -> str:
            offset = int(match[1])
            start, name = next((start, name) for start, end, name in spans if start <= offset < end)
            return f"{name} + {offset - start}"

        bodies[step] = re.sub(r"\barena \+ (\d+)", place, bodies[step])
    arrays = "".join(
        f"_Alignas({model.plan.alignment}) static int8_t {name}[{size}];\n" for name, size in buffers.values()
    )
    head = head.replace("\nint8_t *", f"\n{arrays}\nint8_t *", 1)
    return replace(model, sources=model.sources | {"model/model.c": head + "".join(bodies) + tail})
