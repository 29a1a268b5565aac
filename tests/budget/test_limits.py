# SPDX-License-Identifier: Apache-2.0
"""budget.toml: what it may say, and the one line that answers what it may not."""

import re
from pathlib import Path

import pytest

from toolchain.budget.limits import KEYS, load_budget
from toolchain.errors import BudgetError

FULL = """
flash_bytes = "64 KiB"
ram_bytes = "32kB"
stack_bytes = 2_048
arena_bytes = "16.5 kB"
weight_bytes = "1 MiB"
macs = "3 M"
accuracy = "93.5 %"
[operations]
hello_edge = "5.4 M"
peter2020 = 4_600_000
macs = "2.7M"
[memory]
hello_edge = "80 kB"
peter2020 = "0.5 MB"
"""


def _load(folder: Path, text: str):
    path = folder / "budget.toml"
    path.write_text(text, encoding="utf-8")
    return load_budget(path)


def test_every_key_is_read_in_its_unit(tmp_path: Path) -> None:
    budget = _load(tmp_path, FULL)
    assert {limit.name: limit.allowed for limit in budget.limits} == {
        "flash_bytes": 65536,
        "ram_bytes": 32000,
        "stack_bytes": 2048,
        "arena_bytes": 16500,
        "weight_bytes": 1048576,
        "macs": 3_000_000,
        "operations.macs": 2_700_000,
        "operations.hello_edge": 5_400_000,
        "operations.peter2020": 4_600_000,
        "memory.hello_edge": 80_000,
        "memory.peter2020": 500_000,
        "accuracy": 0.935,
    }
    assert [limit.name for limit in budget.limits] == list(KEYS)
    assert [limit.name for limit in budget.limits if limit.at_least] == ["accuracy"]
    assert {limit.origin for limit in budget.limits} == {str(tmp_path / "budget.toml")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flash_byte = 1", "flash_byte: unknown key, did you mean flash_bytes?"),
        ("cycles = 1", "cycles: unknown key; known are flash_bytes, ram_bytes"),
        ("[operations]\nhello = 1", "operations.hello: unknown key, did you mean operations.hello_edge?"),
        ("[memory]\nmacs = 1", "memory.macs: unknown key"),
        ("operations = 5", "operations: must be a table naming the rule"),
        ("flash_bytes = true", "flash_bytes: True is not bytes"),
        ("flash_bytes = 1.5", "flash_bytes: 1.5 is not bytes"),
        ("flash_bytes = [1]", "flash_bytes: [1] is not bytes"),
        ("flash_bytes = {a = 1}", "flash_bytes: {'a': 1} is not bytes"),
        ("flash_bytes = 2024-01-01", "flash_bytes: datetime.date(2024, 1, 1) is not bytes"),
        ("flash_bytes = -1", "flash_bytes: -1 must be greater than 0"),
        ("flash_bytes = 0", "flash_bytes: 0 must be greater than 0"),
        ('flash_bytes = "-64 kB"', "flash_bytes: '-64 kB' is not bytes"),
        ('flash_bytes = "64 k"', "flash_bytes: '64 k' is ambiguous: write kB (powers of 1000) or KiB (powers of 1024)"),
        ('flash_bytes = "1M"', "flash_bytes: '1M' is ambiguous: write MB (powers of 1000) or MiB (powers of 1024)"),
        ('flash_bytes = "64 kb"', "flash_bytes: '64 kb' is not bytes"),
        ('flash_bytes = "0.3 kiB"', "is not bytes"),
        ('flash_bytes = "0.0001 kB"', "must be a whole number"),
        ('flash_bytes = ""', "flash_bytes: '' is not bytes"),
        ('macs = "3 MB"', "macs: '3 MB' is not a count"),
        ("accuracy = 93.5", "accuracy: 93.5 is not a share above 0 and at most 1"),
        ("accuracy = nan", "accuracy: nan is not a share"),
        ("accuracy = true", "accuracy: True is not a share"),
        ('accuracy = "good"', "accuracy: 'good' is not a share"),
        ("", "limits nothing"),
        ("[operations]", "limits nothing"),
        ("flash_bytes = ", "is not TOML"),
        ("macs = 1\nmacs = 2", "is not TOML"),
    ],
)
def test_bad_budget_is_one_line_naming_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BudgetError, match=re.escape(message)) as caught:
        _load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "budget.toml"))
    assert "\n" not in str(caught.value)


def test_absent_folder_and_binary_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=r"none\.toml: cannot be read: No such file"):
        load_budget(tmp_path / "none.toml")
    with pytest.raises(BudgetError, match="cannot be read"):
        load_budget(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BudgetError, match="is not UTF-8 text"):
        load_budget(tmp_path / "binary.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(BudgetError, match="this is no budget"):
        load_budget(tmp_path / "long.toml")
