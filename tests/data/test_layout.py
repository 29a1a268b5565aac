# SPDX-License-Identifier: Apache-2.0
"""Classes, speakers, and the official split."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.data.layout import KEYWORDS, Partition, class_labels, partition_of, speaker_of


def test_classes_stand_in_the_published_order() -> None:
    assert " ".join(class_labels()) == "yes no up down left right on off stop go silence unknown"


# First speakers of validation_list.txt and testing_list.txt in speech_commands_v0.02.tar.gz.
VALIDATION = (
    "8b775397 2643992f 060cd039 f5e5e8b0 dbb40d24 d57febf0 16db1582 171b56dc 66cff190 22aa3665 b1426003 67c7fecb"
)
TEST = "2aa787cf ffa76c4a 24ad3ebe d7467392 5828dfa2 91223b83 f0ae7203 95ba4996 94de6a6a caf9fceb 82b99576 81dc4a94"


@pytest.mark.parametrize("speaker", VALIDATION.split())
def test_official_validation_speakers(speaker: str) -> None:
    assert partition_of(f"{speaker}_nohash_0.wav") is Partition.VALIDATION


@pytest.mark.parametrize("speaker", TEST.split())
def test_official_test_speakers(speaker: str) -> None:
    assert partition_of(f"{speaker}_nohash_0.wav") is Partition.TEST


@given(
    speaker=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
        lambda text: "_nohash_" not in text + "_nohash"
    ),
    rests=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\0")), min_size=2, max_size=5),
)
def test_the_partition_is_a_function_of_the_speaker_alone(speaker: str, rests: list[str]) -> None:
    names = [f"{speaker}_nohash_{rest}" for rest in rests]
    assert {speaker_of(name) for name in names} == {speaker}
    assert len({partition_of(name) for name in names}) == 1


def test_a_name_without_the_mark_is_its_own_speaker() -> None:
    assert speaker_of("recording.wav") == "recording.wav"
    assert speaker_of("a_nohash_b_nohash_c.wav") == "a"


def test_shares_are_near_eighty_ten_ten() -> None:
    counts = Counter(partition_of(f"{i:08x}_nohash_0.wav") for i in range(20000))
    assert counts[Partition.VALIDATION] / 20000 == pytest.approx(0.1, abs=0.01)
    assert counts[Partition.TEST] / 20000 == pytest.approx(0.1, abs=0.01)


def test_keywords_are_ten_different_words() -> None:
    assert len(set(KEYWORDS)) == 10
