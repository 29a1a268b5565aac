# SPDX-License-Identifier: Apache-2.0
"""A part of a Markdown page that a verb writes: between two comment lines; what stands around it is left as it is."""

from pathlib import Path

from toolchain.errors import SubbyteError
from toolchain.files import write_text

_TITLE = "# {}\n"


def write_section(page: Path, mark: str, section: str, title: str) -> None:
    """`with_section` on a file, which need not exist yet. Raises SubbyteError where it can be no page."""
    try:
        before = page.read_text("utf-8") if page.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SubbyteError(f"--page {page}: cannot be read as text: {error}") from error
    write_text(page, with_section(before, mark, section, title))


def with_section(page: str, mark: str, section: str, title: str) -> str:
    """`page` with the section in its place; at the end where it has none yet, below `title` where it is empty.

    mark: who writes it, such as `subbyte series`. section: ends in a newline.

    >>> print(with_section("a\\n<!-- begin: s -->\\nold\\n<!-- end: s -->\\nb\\n", "s", "new\\n", "Page"))
    a
    <!-- begin: s -->
    new
    <!-- end: s -->
    b
    <BLANKLINE>
    """
    first, last = f"<!-- begin: {mark} -->\n", f"<!-- end: {mark} -->\n"
    ours = f"{first}{section}{last}"
    begin, end = page.find(first), page.find(last)
    if 0 <= begin < end:
        return page[:begin] + ours + page[end + len(last) :]
    return f"{page.rstrip() or _TITLE.format(title).rstrip()}\n\n{ours}"
