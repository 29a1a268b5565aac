# SPDX-License-Identifier: Apache-2.0
"""RunLog: the rows of finished epochs as log.jsonl and for TensorBoard.

The rows themselves live in the checkpoint. Both files are written anew from them when training begins or goes on, so
neither tells of an epoch that a killed run has to repeat; after that each epoch is appended.

TensorBoard's event file is a row of protobuf messages, each framed by length and checksum. They are framed here because
torch.utils.tensorboard, which would do it, imports the whole of TensorFlow where that is installed.
"""

import io
import json
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from toolchain.errors import SubbyteError
from toolchain.files import write_bytes, write_text
from toolchain.nets.run_folder import RunFolder

# Columns of a row that are curves, and what TensorBoard calls them.
_CURVES = {
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
    "seconds": "seconds",
}
_EVENTS = "events.out.tfevents.0.subbyte"  # TensorBoard looks for "tfevents" in the name


class RunLog:
    """Opened with the rows that the checkpoint holds."""

    def __init__(self, folder: RunFolder, rows: list[dict[str, Any]]) -> None:
        self._log = folder.log
        self._events = folder.tensorboard / _EVENTS
        write_text(self._log, "".join(_line(row) for row in rows))
        first = Event(wall_time=rows[0]["unix_time"] if rows else 0.0, file_version="brain.Event:2")
        write_bytes(self._events, _framed(first, *(_event(row) for row in rows)))

    def append(self, row: dict[str, Any]) -> None:
        """One more epoch."""
        _append(self._log, _line(row).encode())
        _append(self._events, _framed(_event(row)))


def _append(path: Path, content: bytes) -> None:
    """Not atomic: what a full disk cuts off is written anew when the run goes on."""
    try:
        with path.open("ab") as stream:
            stream.write(content)
    except OSError as error:
        raise SubbyteError(
            f"{path}: cannot be written: {error.strerror or error}; the same command goes on after this epoch"
        ) from error


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, allow_nan=False) + "\n"


def _event(row: dict[str, Any]) -> Event:
    values = [Summary.Value(tag=curve, simple_value=row[column]) for column, curve in _CURVES.items()]
    return Event(wall_time=row["unix_time"], step=row["epoch"], summary=Summary(value=values))


def _framed(*events: Event) -> bytes:
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in events:
        writer.write(event.SerializeToString())
    return buffer.getvalue()
