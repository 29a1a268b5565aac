# SPDX-License-Identifier: Apache-2.0
"""Damage that the decoder does not report: WAV and Ogg files that are cut off or altered inside.

libsndfile shortens a cut-off WAV and skips broken Ogg pages without a word, so a damaged copy of a corpus would be
trained on as if it were whole. FLAC needs nothing here: its frames carry checksums that the decoder insists on.
"""

import struct
import zlib

# Programs that write to a pipe do not know the length when they write the header: 2^31 or more, less a header.
_UNKNOWN_LENGTH = 0x7FFF0000

_PAGE_HEADER = struct.Struct("<4sBBqIIIB")  # Source: RFC 3533, section 6
_END_OF_STREAM = 0x04
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def fault_in(content: bytes) -> str | None:
    """What is wrong with a RIFF or Ogg file as a container, or None; None for every other kind of file.

    >>> fault_in(b"RIFF" + struct.pack("<I", 100) + b"WAVEdata" + struct.pack("<I", 64) + bytes(10))
    'is cut off: 64 bytes of samples are announced, 10 are there'
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _riff_fault(content)
    return _ogg_fault(content) if content[:4] == b"OggS" else None


def _riff_fault(content: bytes) -> str | None:
    """Walk the chunks to the samples. Source: Multimedia Programming Interface and Data Specifications 1.0, 1991."""
    at = 12
    while at + 8 <= len(content):
        name = content[at : at + 4]
        (size,) = struct.unpack_from("<I", content, at + 4)
        there = len(content) - at - 8
        if name == b"data":
            if there < size < _UNKNOWN_LENGTH:
                return f"is cut off: {size:,} bytes of samples are announced, {there:,} are there"
            return None
        at += 8 + size + size % 2  # chunks begin at even offsets
    return None  # no samples at all: the decoder says so


def _ogg_fault(content: bytes) -> str | None:
    """Walk the pages: each whole, with the right checksum, following the one before; the last ends its stream."""
    at = 0
    flags = 0
    following: dict[int, int] = {}
    while at < len(content):
        if len(content) < at + _PAGE_HEADER.size:
            return f"is cut off: an Ogg page that begins at byte {at:,} is not whole"
        magic, _, flags, _, serial, sequence, crc, n_segments = _PAGE_HEADER.unpack_from(content, at)
        if magic != b"OggS":
            return f"is damaged: no Ogg page begins at byte {at:,}"
        body = at + _PAGE_HEADER.size + n_segments
        end = body + sum(content[at + _PAGE_HEADER.size : body])
        if len(content) < end:
            return f"is cut off: an Ogg page that begins at byte {at:,} is not whole"
        if _ogg_crc(content[at : at + 22] + bytes(4) + content[at + 26 : end]) != crc:
            return f"is damaged: wrong checksum of the Ogg page at byte {at:,}"
        if sequence != following.get(serial, sequence):
            return f"is damaged: Ogg pages are missing before byte {at:,}"
        following[serial] = sequence + 1
        at = end
    return None if flags & _END_OF_STREAM else "is cut off: the last Ogg page does not end the stream"


def _ogg_crc(page: bytes) -> int:
    """Ogg's checksum: polynomial 0x04C11DB7, most significant bit first, starting at 0, not inverted.

    zlib has the same polynomial with every bit order turned round and both ends inverted, hence the reversals.
    """
    turned = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{turned:032b}"[::-1], 2)
