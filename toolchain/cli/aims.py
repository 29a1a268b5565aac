# SPDX-License-Identifier: Apache-2.0
"""The options of every verb that generates C: what the firmware is to be good at."""

from typing import Annotated

import typer

from toolchain.budget.quantity import parse_size_option
from toolchain.errors import BudgetError
from toolchain.export.c import Aims, Optimise

OptimiseOption = Annotated[
    Optimise, typer.Option("--optimise", help="What counts where time and flash disagree.", show_default=True)
]

MaxRamOption = Annotated[
    str | None,
    typer.Option(
        "--max-ram",
        metavar="SIZE",
        help="Execute layers in bands of rows until arena and stack fit: 20000, 20k or 20kB (20,000), 20KiB (20,480).",
    ),
]


def chosen_aims(optimise: Optimise, max_ram: str | None) -> Aims:
    """The options as Aims. Raises BudgetError naming --max-ram."""
    try:
        return Aims(optimise, None if max_ram is None else parse_size_option(max_ram))
    except BudgetError as error:
        raise BudgetError(f"--max-ram: {error}") from error
