# SPDX-License-Identifier: Apache-2.0
"""`subbyte export`: a network in every form that others read, and the table of who agrees on it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.waiting import waiting
from toolchain.core import known_core
from toolchain.errors import SubbyteError
from toolchain.export.manifest import graph_manifest
from toolchain.export.tflite import compressed_tflite_bytes, no_tables, tflite_bytes
from toolchain.export.tflm import tflm_sources
from toolchain.files import write_bytes
from toolchain.graph.model import ModelInfo, load_model_info
from toolchain.report.agreement_table import agreement_json, agreement_table
from toolchain.report.console import console, print_json, print_table
from toolchain.report.table import Column, Row, Table, to_markdown
from toolchain.verify.agreement import Agreement, agreement
from toolchain.verify.inputs import random_inputs
from toolchain.verify.judge import Subject
from toolchain.verify.panel import host_judges

HELP = """Write a network as ONNX, TFLite, TFLite Micro sources and a manifest, with
the judges' agreement.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file. Written to DIR:

\b
  model.onnx           the file it came from, where it came from one
  model.tflite         TFLite, weights int4 where they fit and a kernel takes
                       them, else int8; classes and front end as metadata
  model_compressed.tflite   with --compress: weights as look-up tables
  graph.json           tensors and operators: shapes, scales, hashes, rounding
  tflm/model/          model array, op resolver, arena size, C++ around them
  agreement.md, .json  every judge of this machine over the same inputs

Look-up tables are TFLite Micro's own form of weights of 1 to 7 bits. A layer
has one where that makes the file smaller; it is decoded into the arena at each
inference, which costs RAM, time and some 18 kB of code. tflm/ has that form too.

Nothing is written where a judge differs that must not: exit 1.

Examples:

\b
  subbyte export runs/s
  subbyte export runs/s -o release --core cortex-m55
  subbyte export runs/s --compress
  subbyte export model.onnx -o exported --samples 100
"""

DEFAULT_FOLDER = "exported"

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=f"Folder; a run's own, ./{DEFAULT_FOLDER} for a file.")
    ] = None,
    core: Annotated[str, typer.Option(help="Core that TFLite Micro's arena is sized for.")] = "cortex-m4",
    samples: Annotated[int, typer.Option(min=1, help="Random inputs for the judges.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the random inputs.")] = 0,
    compress: Annotated[bool, typer.Option("--compress", help="Weights as look-up tables too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Paths and agreement on standard output.")] = False,
) -> None:
    """See HELP."""
    chosen = known_core(core)
    info = load_model_info(model)
    folder = out or (model if model.is_dir() else Path(DEFAULT_FOLDER))
    content = tflite_bytes(info.graph, info.metadata())
    compressed = _compressed(info) if compress else None
    with waiting("Asking every judge") as say:
        found = agreement(
            info.graph,
            host_judges(Subject(info.graph, content, info.onnx, compressed=compressed)),
            random_inputs(info.graph, samples, seed),
            lambda name: say(f"Asking {name}"),
        )
    table = agreement_table(found, f"{samples} random inputs")
    written: dict[str, int] = {}
    if found.ok:
        remake = f"subbyte export MODEL --core {core}{' --compress' if compress else ''}"
        tflm = tflm_sources(info.graph, chosen, compress=compress, remake=remake)
        sources = {f"tflm/{name}": text for name, text in tflm.sources.items()}
        files = _files(info, content, compressed) | _texts(sources | _statements(info, found, table))
        written = _write(folder, files)
    if as_json:
        print_json({"folder": str(folder), "files": written, **agreement_json(found)})
    else:
        print_table(table)
        if written:
            print_table(_listing(folder, written))
        else:
            console().print("nothing written: the judges do not agree")
    raise typer.Exit(0 if found.ok else 1)


def _compressed(info: ModelInfo) -> bytes:
    """The file with look-up tables. Raises ModelError where there would be none in it."""
    content = compressed_tflite_bytes(info.graph, info.metadata())
    if content is None:
        raise no_tables(info.graph)
    return content


def _files(info: ModelInfo, content: bytes, compressed: bytes | None) -> dict[str, bytes]:
    """The models themselves."""
    files = {"model.tflite": content}
    if compressed is not None:
        files["model_compressed.tflite"] = compressed
    if info.onnx is not None:
        files = {"model.onnx": _self_contained(info.onnx)} | files
    return files


def _self_contained(path: Path) -> bytes:
    """The ONNX file as it is; where its weights lie in other files, with these taken in: a copy would lose them."""
    from onnx import ModelProto, TensorProto

    from toolchain.graph.onnx_in.protobuf import load_proto

    content = _read(path)
    weights = ModelProto.FromString(content).graph.initializer
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in weights):
        return bytes(load_proto(path).SerializeToString(deterministic=True))
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SubbyteError(f"{path}: cannot be read: {error.strerror or error}") from error


def _statements(info: ModelInfo, found: Agreement, table: Table) -> dict[str, str]:
    return {
        "graph.json": _json(graph_manifest(info.graph)),
        "agreement.json": _json(agreement_json(found)),
        "agreement.md": to_markdown(table),
    }


def _json(value: Mapping[str, object]) -> str:
    """JSON with one line an entry of its lists: hundreds of scales stay readable, and diffs short."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, list) and entry and isinstance(entry[0], dict):
            inner = ",\n".join(f"    {_line(one)}" for one in entry)
            lines.append(f"  {_line(key)}: [\n{inner}\n  ]")
        else:
            lines.append(f"  {_line(key)}: {_line(entry)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _texts(texts: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode("utf-8") for name, text in texts.items()}


def _write(folder: Path, files: dict[str, bytes]) -> dict[str, int]:
    """Write what is not there already, and give the size of each."""
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or _read(path) != content:
            write_bytes(path, content)
    return {name: len(content) for name, content in files.items()}


def _listing(folder: Path, written: dict[str, int]) -> Table:
    rows = tuple(Row((name, size)) for name, size in written.items())
    return Table(f"Written to {folder}", (Column("file", text=True), Column("size", "B")), rows)
