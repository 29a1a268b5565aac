# SPDX-License-Identifier: Apache-2.0
"""`subbyte ...` inside the test process, as a terminal sees it: exit code, standard output, standard error."""

import sys
from dataclasses import dataclass
from typing import Any

import pytest

from toolchain.cli import main


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


def subbyte(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: Any) -> Said:
    """Run the command. Raises whatever is no SubbyteError: that is a bug of ours."""
    monkeypatch.setattr(sys, "argv", ["subbyte", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    written = capsys.readouterr()
    return Said(int(ended.value.code or 0), written.out, written.err)
