# SPDX-License-Identifier: Apache-2.0
"""The plugin is built once and kept; without a writable home, or a compiler, there is a way or one clear error."""

from pathlib import Path

import pytest

from toolchain.device.profile import plugin
from toolchain.errors import ToolError


@pytest.fixture
def no_earlier_build() -> None:
    plugin.temporary_library.cache_clear()


@pytest.mark.usefixtures("no_earlier_build")
def test_it_is_built_once_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = plugin.plugin_library()
    assert built.parent == tmp_path / "subbyte" and built.stat().st_size > 1000
    assert [path.name for path in built.parent.iterdir()] == [built.name]
    written = built.stat().st_mtime_ns
    assert plugin.plugin_library() == built and built.stat().st_mtime_ns == written


@pytest.mark.usefixtures("no_earlier_build")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "subbyte").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = plugin.plugin_library()
    assert built.is_file() and tmp_path not in built.parents


@pytest.mark.usefixtures("no_earlier_build")
def test_a_missing_compiler_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(plugin, "host_compiler", lambda: None)
    with pytest.raises(ToolError, match="no C compiler for this machine"):
        plugin.plugin_library()
