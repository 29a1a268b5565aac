# SPDX-License-Identifier: Apache-2.0
"""The options of every verb that generates C: what the firmware is to be good at."""

from typing import Annotated

import typer

from toolchain.export.c import Optimise

OptimiseOption = Annotated[
    Optimise, typer.Option("--optimise", help="What counts where time and flash disagree.", show_default=True)
]
