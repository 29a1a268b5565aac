# SPDX-License-Identifier: Apache-2.0
"""A folder to a sorted list of its audio files."""

import os
import sys
from pathlib import Path

import pytest

from toolchain.data.listing import list_corpus
from toolchain.errors import DataError


def touch(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")
    return folder


def test_words_noise_and_the_rest_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "yes/b_nohash_0.WAV", "yes/a_nohash_0.opus", "no/c_nohash_0.flac", "_background_noise_/hum.ogg")
    touch(tmp_path, "yes/notes.txt", "yes/.DS_Store", "_silence_/x.wav", ".git/y.wav", "testing_list.txt", "README.md")
    listing = list_corpus(tmp_path)
    assert [clip.path for clip in listing.clips] == ["no/c_nohash_0.flac", "yes/a_nohash_0.opus", "yes/b_nohash_0.WAV"]
    assert [noise.path for noise in listing.noise] == ["_background_noise_/hum.ogg"]
    assert listing.words == ("no", "yes") and listing.n_ignored == 2
    assert (listing.clips[0].word, listing.clips[0].speaker) == ("no", "c")


def test_a_missing_folder_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder; `subbyte data get` downloads a corpus"):
        list_corpus(tmp_path / "nowhere")


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "corpus.tar.gz")
    with pytest.raises(DataError, match=r"corpus\.tar\.gz: is a file; a corpus is a folder"):
        list_corpus(tmp_path / "corpus.tar.gz")


def test_a_folder_without_words(tmp_path: Path) -> None:
    touch(tmp_path, "clip.wav", "_background_noise_/hum.wav")
    with pytest.raises(DataError, match=r"no audio in Speech Commands layout here"):
        list_corpus(tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="this file system takes UTF-8 names only")
def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    touch(tmp_path, os.fsdecode(b"yes/\xff_nohash_0.wav"))
    with pytest.raises(DataError, match=r"\\xff_nohash_0\.wav: the name is not UTF-8; rename it"):
        list_corpus(tmp_path)
