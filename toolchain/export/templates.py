# SPDX-License-Identifier: Apache-2.0
"""Text from the Jinja2 templates of firmware_templates/: one environment, one set of rules, two filters.

A template `<folder>/<output>.j2` is named after what it writes and gets one view, a frozen dataclass, as `view`.
Statements stand on lines of their own behind `//%` (`#%` in files where `#` begins a comment), comments in `{# #}`;
an undefined name is an error. Nothing in a view is computed by the template.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from toolchain.assets import asset_folder

VALUES_A_LINE = 16


def c_array(values: Iterable[int], width: int = 4, a_line: int = VALUES_A_LINE) -> str:
    """Integers as the inside of a C initialiser: `a_line` of them a line, right-aligned, two spaces before each line.

    >>> print(c_array([1, -2, 30], width=3, a_line=2))
       1,  -2,
      30,
    """
    texts = [f"{value}," for value in values]
    lines = [texts[start : start + a_line] for start in range(0, len(texts), a_line)]
    return "\n".join("  " + " ".join(text.rjust(width) for text in line) for line in lines)


def c_float(value: float) -> str:
    """A float constant that reads back as the same float32.

    >>> c_float(1.0), c_float(0.1), c_float(1e-10)
    ('1.0f', '0.1f', '1e-10f')
    """
    return f"{np.float32(value)!s}f"


@cache
def _environment(line_statement: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(asset_folder("firmware_templates")),
        undefined=StrictUndefined,
        autoescape=False,
        line_statement_prefix=line_statement,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"c_array": c_array, "c_float": c_float}
    return environment


def render(template: str, view: object) -> str:
    """The text of `template` (a path below firmware_templates/, with its .j2) for `view`."""
    of_c = template.removesuffix(".j2").endswith((".c", ".h", ".cc", ".ld"))
    return _environment("//%" if of_c else "#%").get_template(template).render(view=view)
