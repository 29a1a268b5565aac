# SPDX-License-Identifier: Apache-2.0
"""The options of every verb that generates C: what the firmware is to be good at."""

from typing import Annotated

import typer

from toolchain.budget.quantity import parse_bytes
from toolchain.errors import BudgetError
from toolchain.export.c import Aims, Optimise

OptimiseOption = Annotated[
    Optimise, typer.Option("--optimise", help="What counts where time and flash disagree.", show_default=True)
]

MaxRamOption = Annotated[
    str | None,
    typer.Option(
        "--max-ram",
        metavar="BYTES",
        help="Execute layers in bands of rows until arena and stack fit: 20000, '20 kB' or '20 KiB'.",
    ),
]


def chosen_aims(optimise: Optimise, max_ram: str | None) -> Aims:
    """The options as Aims. Raises BudgetError naming --max-ram."""
    try:
        return Aims(optimise, None if max_ram is None else parse_bytes(max_ram))
    except BudgetError as error:
        raise BudgetError(f"--max-ram: {error}") from error
