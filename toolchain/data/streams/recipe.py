# SPDX-License-Identifier: Apache-2.0
"""StreamRecipe: every number by which words, pauses and background become a stream. Whole numbers throughout.

A stream is a row of scenes, each with one background at one level. A scene follows from (seed, its number) alone: the
first hour of a stream of ten is the stream of one hour.

    scene   |<------------------------- scene_s ------------------------------>|
            [pause][ word, 1 s ][pause][ word, 1 s ] ... [rest, too short for one more]
            [================ one background recording, one level =============]
"""

from dataclasses import asdict, dataclass
from typing import Any

from toolchain.errors import DataError


@dataclass(frozen=True)
class StreamRecipe:
    """seed: of every draw. Each range is drawn from uniformly, both ends included.

    pause_ms: from one clip's end to the next one's beginning, and before the first.
    keyword_percent: of the words; the keyword is drawn first, then one of its clips. Other words: uniform over clips.
    gain_db: of each word, beside the level it was recorded at.
    snr_db: how far the scene's background lies below the corpus' speech (speech.py), whatever a word's own level. From
    10 on: training (data/augment.py) hears recordings of -10 dBFS at a tenth of that, 10 dB below speech of -20 dBFS.
    quiet_percent: of the scenes that have no background: digital silence between the words.

    Raises DataError where a number cannot be.
    """

    seed: int = 0
    scene_s: int = 60
    pause_ms: tuple[int, int] = (500, 3500)
    keyword_percent: int = 25
    gain_db: tuple[int, int] = (-6, 6)
    snr_db: tuple[int, int] = (10, 30)
    quiet_percent: int = 10

    def __post_init__(self) -> None:
        limits = {"pause_ms": (0, 600_000), "gain_db": (-40, 40), "snr_db": (-20, 80)}
        for name, (lowest, highest) in limits.items():
            low, high = getattr(self, name)
            if not lowest <= low <= high <= highest:
                raise DataError(f"stream: {name} {low}..{high} is no range within {lowest}..{highest}")
        for name, (lowest, highest) in {
            "seed": (0, 2**32 - 1),
            "scene_s": (5, 3600),
            "keyword_percent": (1, 100),
            "quiet_percent": (0, 100),
        }.items():
            if not lowest <= getattr(self, name) <= highest:
                raise DataError(f"stream: {name} {getattr(self, name)} is outside {lowest}..{highest}")
        if self.pause_ms[0] + 1000 > 1000 * self.scene_s:
            raise DataError(f"stream: no word fits between pauses of {self.pause_ms[0]} ms in {self.scene_s} s")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return asdict(self)
