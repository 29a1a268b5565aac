# SPDX-License-Identifier: Apache-2.0
"""One file over HTTP, gigabytes long, over a line that may break: resumed, checked, and in its place only when right.

    <file>.part        what has arrived, locked while a process writes to it
    <file>.part.json   where it comes from and the server's validator (ETag or date) of that very file
    <file>             whole, with the right SHA-256

What is missing is asked for by `Range` with `If-Range: <validator>`: a server whose file changed then sends all of it
anew instead of a rest that does not fit. Source: RFC 9110, sections 8.8, 13.1.5, 14.
Breaks and server errors are retried, five times without a new byte; everything else is an error at once.
"""

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn
from urllib.parse import urlsplit

from toolchain.errors import DataError
from toolchain.files import write_text
from toolchain.progress import Progress, silent

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 60
_ATTEMPTS = 5
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses that another attempt may not meet
_MEANINGS = {401: "a login is needed", 403: "the server refuses it", 404: "not found", 410: "gone"}


@dataclass(frozen=True)
class _Memo:
    """What is known of the file that `.part` is the beginning of. total: bytes, None where the server did not say."""

    url: str
    validator: str | None = None
    total: int | None = None


class _Broken(Exception):
    """This attempt failed in a way that another may not; the text is the reason."""


def download(
    url: str,
    file: Path,
    sha256: str,
    *,
    progress: Progress = silent,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch `url` to `file`, unless it is there already with that checksum.

    wait: called with the seconds between attempts. progress counts bytes.
    Raises DataError: no such file on the server, no connection, a break that outlasts the attempts, a full disk, a
    wrong checksum (the download is removed then; otherwise it is kept and the next call goes on from it).
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DataError(f"{url}: only http and https addresses can be downloaded")
    if file.is_file() and _sha256(file) == sha256:
        return
    part = file.with_name(file.name + ".part")
    with _locked(part) as stream:
        transfer = _Transfer(url, part, stream, progress)
        failures = 0
        while True:
            before = transfer.n_bytes
            try:
                transfer.attempt()
                break
            except _Broken as broken:
                failures = 1 if transfer.n_bytes > before else failures + 1
                if failures == _ATTEMPTS:
                    transfer.give_up(str(broken))
                wait(2.0 ** (failures - 1))
        transfer.check(sha256)
        part.replace(file)
        transfer.memo_file.unlink(missing_ok=True)


class _Transfer:
    """A partial file and what is known of its source."""

    def __init__(self, url: str, part: Path, stream: BinaryIO, progress: Progress) -> None:
        self._url = url
        self._part = part
        self._stream = stream
        self._progress = progress
        self.memo_file = part.with_name(part.name + ".json")
        self._memo = self._known()
        self.n_bytes = stream.seek(0, 2)
        if self._memo.validator is None:
            self._restart()

    def attempt(self) -> None:
        """Ask for what is missing and take it. Raises _Broken where it stops short, DataError where it is hopeless."""
        request = urllib.request.Request(self._url, headers={"Accept-Encoding": "identity", "User-Agent": "subbyte"})
        if self.n_bytes and self._memo.validator:
            request.add_header("Range", f"bytes={self.n_bytes}-")
            request.add_header("If-Range", self._memo.validator)
        try:
            with contextlib.closing(urllib.request.urlopen(request, timeout=_TIMEOUT_S)) as response:
                self._begin(response)
                self._take(response)
        except urllib.error.HTTPError as error:
            self._refused(error)
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise DataError(f"{self._url}: the server's certificate is not valid: {error.reason}") from error
            raise _Broken(str(getattr(error.reason, "strerror", None) or error.reason)) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(str(error) or type(error).__name__) from error

    def give_up(self, reason: str) -> NoReturn:
        """Raises DataError that says how far it came."""
        if not self.n_bytes:
            self._remove()
            raise DataError(f"{self._url}: cannot be downloaded: {reason}")
        of = f" of {self._memo.total:,}" if self._memo.total else ""
        raise DataError(
            f"{self._url}: broke off after {self.n_bytes:,}{of} bytes ({reason}); they are kept, "
            f"and the same command goes on from there"
        )

    def check(self, sha256: str) -> None:
        """Raises DataError, and removes the download, where its checksum is another."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        found = _sha256(self._part)
        if found != sha256:
            n_bytes = self.n_bytes
            self._remove()
            raise DataError(
                f"{self._url}: the {n_bytes:,} bytes that arrived have SHA-256 {found}, not {sha256}; removed. "
                f"If that happens again, the file on the server is another one: --sha256 states the sum to expect"
            )

    def _known(self) -> _Memo:
        try:
            memo = _Memo(**json.loads(self.memo_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            memo = _Memo(self._url)
        return memo if memo.url == self._url else _Memo(self._url)

    def _begin(self, response: http.client.HTTPResponse) -> None:
        """Make the partial file what the response continues."""
        if response.status == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            total = int(span[2]) if span and span[2] != "*" else self._memo.total
            fits = span is not None and int(span[1]) == self.n_bytes and total == self._memo.total
            if not fits or _validator(response) not in (None, self._memo.validator):
                self._restart()
                raise _Broken("the file on the server changed")
            return
        length = response.headers.get("Content-Length", "")
        self._restart()
        self._memo = _Memo(self._url, _validator(response), int(length) if length.isdecimal() else None)
        write_text(self.memo_file, json.dumps(asdict(self._memo)))
        free = shutil.disk_usage(self._part.parent).free
        if self._memo.total and self._memo.total > free:
            self._remove()
            raise DataError(
                f"{self._part.parent}: {self._memo.total:,} bytes are to come, {free:,} are free on this disk"
            )

    def _take(self, response: http.client.HTTPResponse) -> None:
        self._progress(self.n_bytes, self._memo.total)
        while content := response.read(_CHUNK_BYTES):
            try:
                self._stream.write(content)
                self._stream.flush()
            except OSError as error:
                raise DataError(
                    f"{self._part}: cannot be written after {self.n_bytes:,} bytes: {error.strerror or error}; "
                    f"make room, and the same command goes on from there"
                ) from error
            self.n_bytes += len(content)
            self._progress(self.n_bytes, self._memo.total)
        if self._memo.total is not None and self.n_bytes < self._memo.total:
            raise _Broken("the connection was closed early")

    def _refused(self, error: urllib.error.HTTPError) -> None:
        """Returns where nothing was missing any more."""
        error.close()
        if error.code == 416:  # nothing at this position
            if error.headers.get("Content-Range") == f"bytes */{self.n_bytes}":
                return
            self._restart()
            raise _Broken("the file on the server changed")
        if error.code in _PASSING:
            raise _Broken(f"HTTP {error.code} {error.reason}")
        if not self.n_bytes:
            self._remove()
        meaning = _MEANINGS.get(error.code, error.reason)
        raise DataError(f"{self._url}: {meaning} (HTTP {error.code}); check the address, --url gives another")

    def _restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self.n_bytes = 0
        self._memo = _Memo(self._url)

    def _remove(self) -> None:
        self._part.unlink(missing_ok=True)
        self.memo_file.unlink(missing_ok=True)


def _validator(response: http.client.HTTPResponse) -> str | None:
    """What If-Range may hold: a strong ETag or else the date; None where the server gives neither."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    """The partial file, open for writing at its end and ours alone. Raises DataError."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        stream = part.open("ab")
    except OSError as error:
        raise DataError(f"{part}: cannot be written: {error.strerror or error}") from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{part}: another process is downloading this file; wait for it") from None
        yield stream


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
