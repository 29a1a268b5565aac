# SPDX-License-Identifier: Apache-2.0
"""Sizes on the command line: every usual spelling, and k is a thousand."""

import pytest

from toolchain.budget.quantity import parse_size_option
from toolchain.errors import BudgetError


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        *(("20000", 20_000), ("20_000", 20_000), ("512 B", 512), ("512b", 512)),
        *(("64k", 64_000), ("64 K", 64_000), ("64kB", 64_000), ("64 KB", 64_000), ("1.5k", 1500)),
        *(("64KiB", 65_536), ("64 kib", 65_536), ("64Ki", 65_536), ("0.5 KiB", 512)),
        *(("1M", 10**6), ("1mb", 10**6), ("2MiB", 2 << 20), ("2Mi", 2 << 20)),
    ],
)
def test_usual_spellings(text: str, n_bytes: int) -> None:
    assert parse_size_option(text) == n_bytes


@pytest.mark.parametrize(
    "text",
    ["", " ", "0", "0k", "-1", "-64k", "abc", "k", "1e9", "0x400", "20,000", "1.5", "0.0001k", "64 k x", "1G", "²"],
)
def test_anything_else_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(BudgetError) as refused:
        parse_size_option(text)
    assert repr(text) in str(refused.value)
