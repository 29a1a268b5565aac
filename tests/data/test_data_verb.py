# SPDX-License-Identifier: Apache-2.0
"""`subbyte data` as it is typed: output, JSON, warnings, exit codes."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.data.archives import folder_archive
from tests.data.clips import SPEAKERS, tone_corpus
from tests.data.server import Site, serving
from toolchain.cli import main
from toolchain.data.layout import Partition

Run = tuple[int, str, str]


@pytest.fixture
def subbyte(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):  # type: ignore[no-untyped-def]
    """Runs `subbyte ...` in this process: (exit code, standard output, standard error)."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")

    def run(*arguments: object) -> Run:
        monkeypatch.setattr("sys.argv", ["subbyte", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tone_corpus(tmp_path / "corpus", per_partition=2)


def test_info_prints_a_table(subbyte, folder: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = subbyte("data", "info", folder)
    assert (code, err) == (0, "")
    assert "yes       yes" in out and "12 words" in out and "Bad files: 0" in out
    assert "Background noise: 0.1 minutes: high, low." in out


def test_info_as_json_is_json_alone(subbyte, folder: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = subbyte("data", "info", folder, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["clips"] == 72 and found["words"]["yes"] == {"class": "yes", "train": 2, "validation": 2, "test": 2}
    assert found["partitions"] == {"train": 24, "validation": 24, "test": 24} and len(found["sha256"]) == 64


def test_info_warns_of_copies_across_partitions(subbyte, folder: Path) -> None:  # type: ignore[no-untyped-def]
    source = folder / "yes" / f"{SPEAKERS[Partition.TRAIN][0]}_nohash_0.wav"
    shutil.copyfile(source, folder / "yes" / f"{SPEAKERS[Partition.TEST][0]}_nohash_9.wav")
    code, _, err = subbyte("data", "info", folder)
    assert code == 0
    assert (
        "warning: 1 groups of clips stand byte for byte in several partitions, so what is tested was trained on" in err
    )


def test_info_on_bad_files_reports_and_fails(subbyte, folder: Path) -> None:  # type: ignore[no-untyped-def]
    bad = sorted((folder / "up").iterdir())[:2]
    for path in bad:
        path.write_bytes(b"no audio")
    code, out, err = subbyte("data", "info", folder, "--json")
    assert code == 2 and len(json.loads(out)["bad"]) == 2
    assert err.startswith(f"error: {bad[0]}: no audio that can be read") and "(2 bad files in all)" in err
    code, out, err = subbyte("data", "info", folder)
    assert code == 2 and "Bad files: 2." in out and bad[1].name in out


def test_info_on_nothing(subbyte, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = subbyte("data", "info", tmp_path / "nowhere")
    assert (code, out) == (2, "") and err.startswith("error: ") and "there is no such folder" in err


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_synth_makes_a_corpus_and_repeats_itself(subbyte, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = (
        "data",
        "synth",
        "-o",
        tmp_path / "s",
        "--clips-per-word",
        3,
        "--words",
        "on, off",
        "--noise-seconds",
        1,
    )
    code, out, err = subbyte(*arguments)
    assert (code, out) == (0, "") and f"{tmp_path / 's'}: 6 clips of 2 words" in err
    assert subbyte(*arguments)[0] == 0
    code, _, err = subbyte(*arguments, "--seed", 1)
    assert code == 2 and "error: " in err and "holds another corpus" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--clips-per-word", 1), "1 clips a word: at least 3"),
        (("--words", "yes,no,rm -rf"), "word 'rm -rf': letters"),
        (("--words", ""), "word ''"),
    ],
)
def test_synth_refuses_what_cannot_be(subbyte, tmp_path: Path, arguments, message: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = subbyte("data", "synth", "-o", tmp_path / "s", *arguments)
    assert code == 2 and err.startswith("error: ") and message in err and not (tmp_path / "s").exists()


def test_get_from_another_address(subbyte, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content = folder_archive(tmp_path / "packed.tar.gz", folder).read_bytes()
    with serving(Site(content)) as site:
        digest = hashlib.sha256(content).hexdigest()
        code, out, err = subbyte("data", "get", "-o", tmp_path / "got", "--url", site.url, "--sha256", digest.upper())
        assert (code, out) == (0, "") and "72 clips of 12 words" in err
        code, _, err = subbyte("data", "get", "-o", tmp_path / "other", "--url", site.url)
    assert code == 2 and "743935421bb5" in err and "removed" in err and not (tmp_path / "other").exists()


def test_get_refuses_unknown_versions_and_sums(subbyte, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = subbyte("data", "get", "-o", tmp_path / "x", "--version", "0.03")
    assert code == 2 and err == "error: version '0.03' is not one of 0.01, 0.02\n"
    code, _, err = subbyte("data", "get", "-o", tmp_path / "x", "--sha256", "abc")
    assert code == 2 and "64 hexadecimal digits are needed" in err


@pytest.mark.parametrize("verb", [(), ("get",), ("synth",), ("info",)])
def test_help_has_examples(subbyte, verb: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = subbyte("data", *verb, "--help")
    assert code == 0 and ("Examples:" in out or not verb)
