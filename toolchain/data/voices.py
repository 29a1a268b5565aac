# SPDX-License-Identifier: Apache-2.0
"""The speakers of a synthetic corpus: a cast in which every voice is one person, and stays in one partition.

A voice is an accent, a variant (another throat), a pitch, a speed and a microphone. Its id is the hash of all of them,
and like a real speaker's id it decides the partition. A cast gets 10 % of its voices in validation and in test exactly:
for each place the free parameters are drawn again until the id falls where it is wanted. No two voices of a cast have
both accent and variant in common, so what is tested was not heard in training at another pitch.
"""

import hashlib
import json
from dataclasses import asdict, dataclass

from toolchain.data.espeak import Speech, installed_accents, installed_variants
from toolchain.data.layout import Partition, partition_of
from toolchain.errors import ToolError

_ACCENTS = ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")

# Variants of espeak-ng 1.50 and later that sound human and unlike each other. Left out: robots, and copies of others
# (caleb and klatt6 give the samples of klatt; fast and Storm those of the plain voice; found by comparing the output).
_VARIANTS = (
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "croak", "whisper", "whisperf"),
    *("klatt", "klatt2", "klatt3", "klatt4", "klatt5", "Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy"),
    *("Denis", "Diogo", "Gene", "Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Mario", "Michael", "Mike", "Nguyen"),
    *("adam", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "david", "ed", "edward", "edward2"),
    *("grandma", "grandpa", "gustave", "iven", "iven2", "iven3", "iven4", "john", "kaukovalta", "linda", "marcelo"),
    *("max", "michel", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby"),
    *("steph", "steph2", "steph3", "travis", "victor", "zac"),
)
_FEWEST_VARIANTS = 20

_PITCH = (20, 80)  # of espeak-ng's 0..99, 50 is normal
_SPEED_WPM = (125, 205)
_LEVEL_DBFS = (-32, -16)  # RMS of the word. Real clips: -40 to -17 (5 and 95 %). Measured: `yes` of v0.01
_FLOOR_DBFS = (-72, -48)  # RMS of the microphone's own noise
_TILT_PERCENT = (-45, 45)  # of a first-order filter: dull to bright


@dataclass(frozen=True)
class Voice:
    """A speaker. level_dbfs, floor_dbfs: RMS of speech and of the microphone's noise; tilt_percent: its tone."""

    accent: str
    variant: str
    pitch: int
    speed_wpm: int
    level_dbfs: int
    floor_dbfs: int
    tilt_percent: int

    @property
    def id(self) -> str:
        """Eight hexadecimal digits, as the official speaker ids."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:8]

    @property
    def partition(self) -> Partition:
        """Where all its clips belong."""
        return partition_of(f"{self.id}_nohash_0.wav")

    def speech(self, speed_factor: float = 1.0) -> Speech:
        """What espeak-ng is told. Its speeds end at 450 words a minute."""
        return Speech(self.accent, self.variant, self.pitch, min(450, round(self.speed_wpm * speed_factor)))


def cast_voices(n: int, seed: int) -> tuple[Voice, ...]:
    """At most `n` voices; fewer where this machine has no more timbres. n >= 3. Raises ToolError without espeak-ng."""
    timbres = _installed_timbres()
    timbres.sort(key=lambda timbre: _digest(seed, "timbre", *timbre))
    timbres = timbres[:n]
    voices: list[Voice] = []
    taken: set[str] = set()
    for place, (accent, variant) in enumerate(timbres):
        wanted = _wanted(place, len(timbres))
        attempt = 0
        while True:
            voice = _draw(accent, variant, seed, attempt)
            attempt += 1
            if voice.partition is wanted and voice.id not in taken:
                break
        taken.add(voice.id)
        voices.append(voice)
    return tuple(voices)


def share(n: int) -> dict[Partition, int]:
    """How many of `n` go to each partition: 10 % to validation and to test, at least one.

    >>> [count for count in share(120).values()], [count for count in share(3).values()]
    ([96, 12, 12], [1, 1, 1])
    """
    tenth = max(1, round(n / 10))
    return {Partition.TRAIN: n - 2 * tenth, Partition.VALIDATION: tenth, Partition.TEST: tenth}


def _wanted(place: int, n: int) -> Partition:
    """Partition of the voice at `place`: the quotas of `share`, one after the other."""
    shares = share(n)
    if place < shares[Partition.VALIDATION]:
        return Partition.VALIDATION
    return Partition.TEST if place < shares[Partition.VALIDATION] + shares[Partition.TEST] else Partition.TRAIN


def _installed_timbres() -> list[tuple[str, str]]:
    here = installed_variants()
    variants = [variant for variant in _VARIANTS if variant in here]
    accents_here = installed_accents()
    accents = [accent for accent in _ACCENTS if accent in accents_here]
    if len(variants) < _FEWEST_VARIANTS or not accents:
        raise ToolError(
            f"espeak-ng has {len(variants)} of the voices that are needed, fewer than {_FEWEST_VARIANTS}; "
            f"its data are incomplete. Install them: sudo apt-get install --reinstall espeak-ng-data"
        )
    return [(accent, variant) for accent in accents for variant in variants]


def _draw(accent: str, variant: str, seed: int, attempt: int) -> Voice:
    """Free parameters from a hash: five uniform integers."""
    words = _digest(seed, "voice", accent, variant, str(attempt))
    ranges = (_PITCH, _SPEED_WPM, _LEVEL_DBFS, _FLOOR_DBFS, _TILT_PERCENT)
    drawn = [low + int.from_bytes(words[4 * i : 4 * i + 4]) % (high - low + 1) for i, (low, high) in enumerate(ranges)]
    return Voice(accent, variant, *drawn)


def _digest(seed: int, *parts: str) -> bytes:
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).digest()
