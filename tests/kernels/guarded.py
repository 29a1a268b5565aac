# SPDX-License-Identifier: Apache-2.0
"""A generated model with every tensor and every scratch in an array of its own, of exactly its size.

Inside one arena the address sanitizer cannot see a kernel step out of its buffer. Here each buffer is a global with
the sanitizer's red zones around it. For models without anything in place, where an offset means one thing in a layer.
"""

import re
from dataclasses import replace

from toolchain.export.c import CModel
from toolchain.export.c.names import names_of


def guarded(model: CModel) -> CModel:
    """`model` with its arena taken apart. Only the text of model.c changes."""
    assert all(not layer.in_place or layer.kernel in ("", "memcpy") for layer in model.layers)
    text = model.sources["model/model.c"]
    buffers: dict[str, tuple[str, int]] = {}  # what it holds -> name of its array, bytes

    def buffer(owner: str, n_bytes: int) -> str:
        return buffers.setdefault(owner, (f"guarded_{len(buffers)}", n_bytes))[0]

    together = _together(model)  # views share an array, and so does what is joined

    def of_tensor(tensor: str) -> tuple[int, str]:
        shared = [model.plan.allocation(name) for name in together[tensor]]
        start, end = min(a.offset for a in shared), max(a.end for a in shared)
        return start, buffer(f"tensor {together[tensor][0]}", end - start)

    def port(tensor: str) -> str:
        start, name = of_tensor(tensor)
        return f"{name} + {model.plan.allocation(tensor).offset - start}"

    head, run, tail = re.fullmatch(r"(.*\n)(void \w+_run\(void\)\n\{.*?\n\}\n)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    ports = iter([*model.graph.inputs, *model.graph.outputs])
    head = re.sub(r"return \w+_arena(?: \+ \d+)?;", lambda _: f"return {port(next(ports))};", head)
    bodies = re.split(r"(?=\n  /\* \d+ )", run)
    assert len(bodies) == len(model.graph.operators) + 1
    for step, op in enumerate(model.graph.operators, start=1):
        tensors = [name for name in (*op.reads, *op.writes) if not model.graph.tensor(name).is_constant]
        places = [(model.plan.allocation(t), of_tensor(t)) for t in tensors]
        spans = [(place.offset, place.end, *shared) for place, shared in places]
        scratch = model.plan.scratch_of(op.name)
        if scratch is not None:
            name = buffer(f"scratch {op.name}", scratch.n_bytes)
            spans.append((scratch.offset, scratch.end, scratch.offset, name))

        def place(match: re.Match[str], spans: list[tuple[int, int, int, str]] = spans) -> str:
            offset = int(match[1] or 0)
            base, name = next((base, name) for start, end, base, name in spans if start <= offset < end)
            return f"{name} + {offset - base}"

        bodies[step] = re.sub(r"\barena(?: \+ (\d+))?(?=[,)])", place, bodies[step])
    arrays = "".join(f"_Alignas({model.plan.alignment}) int8_t {name}[{size}];\n" for name, size in buffers.values())
    head = head.replace("\nint8_t *", f"\n{arrays}\nint8_t *", 1)
    changed = {"model/model.c": head + "".join(bodies) + tail, **_constants(model, buffers)}
    return replace(model, sources=model.sources | changed)


def _constants(model: CModel, buffers: dict[str, tuple[str, int]]) -> dict[str, str]:
    """weights.c and weights.h, in which layers with packed weights point to their scratch. Each has a struct of its
    own, for its arrays differ from the others'."""
    text = model.sources["model/weights.c"]
    arena = f"{model.prefix}_arena"
    for op in model.graph.operators:
        scratch = model.plan.scratch_of(op.name)
        layer = f"{names_of(model.graph).layers[op.name]}_layer"
        if scratch is not None and f" {layer} = " in text:
            before, found, after = text.partition(f" {layer} = ")
            struct, end, rest = after.partition("\n};")
            place = re.sub(rf"\b{arena}(?: \+ \d+)?,", f"{buffers[f'scratch {op.name}'][0]},", struct)
            text = before + found + place + end + rest
    assert arena not in text
    declared = "".join(f"extern int8_t {name}[];\n" for name, _ in buffers.values())
    header = model.sources["model/weights.h"].replace(f"extern int8_t {arena}[];\n", declared)
    return {"model/weights.c": text, "model/weights.h": header}


def _together(model: CModel) -> dict[str, list[str]]:
    """Tensor -> all that share bytes with it."""
    found = {a.tensor: [a.tensor] for a in model.plan.allocations}
    for allocation in model.plan.allocations:
        for other in allocation.takes_over:
            if found[other] is not found[allocation.tensor]:
                found[other] += found[allocation.tensor]
                for name in found[other]:
                    found[name] = found[other]
    return found
