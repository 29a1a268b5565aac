# SPDX-License-Identifier: Apache-2.0
"""Where the files that are no Python lie: boards, firmware templates, C kernels.

In a wheel they are inside the package (`_assets/`, see pyproject.toml); in a checkout they are the
top-level folders. Nothing else in the project asks which of the two it is.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def asset_folder(name: str) -> Path:
    """Folder `boards` or `firmware_templates`, wherever this installation keeps it.

    >>> asset_folder("boards").name
    'boards'
    """
    installed = _PACKAGE / "_assets" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
