# SPDX-License-Identifier: Apache-2.0
"""What a user can get wrong, as exceptions whose text is the whole message.

The command line prints `error: <text>` on standard error and exits with `exit_code`; no traceback.
So a text says what is wrong, where (file, key, layer), which limit applies, and what to do.
Anything else that is raised is a bug of ours, and keeps its traceback.
"""


class SubbyteError(Exception):
    """Base of every error that is the input's fault, not the program's."""

    exit_code = 2


class DataError(SubbyteError):
    """Audio files, corpora, archives."""


class ModelError(SubbyteError):
    """An .onnx or .tflite file, an architecture, a checkpoint or a run folder."""


class BoardError(SubbyteError):
    """A board file, or a board that cannot do what is asked."""


class ToolError(SubbyteError):
    """A compiler, emulator or flasher that is missing or failed."""


class BudgetError(SubbyteError):
    """A budget file that cannot be read, or a model over its budget."""

    exit_code = 1


class BenchError(SubbyteError):
    """A file of peers' figures, or the record of an earlier benchmark."""
