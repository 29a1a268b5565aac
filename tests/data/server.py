# SPDX-License-Identifier: Apache-2.0
"""A web server on loopback that can be told to misbehave, for the tests of downloads."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Status:
    """Answer with this status and nothing else."""

    code: int


@dataclass(frozen=True)
class CloseAfter:
    """Close the connection after so many bytes of content."""

    n_bytes: int


@dataclass(frozen=True)
class WholeFile:
    """Send everything, whatever range was asked for."""


@dataclass
class Site:
    """What the server serves at any path, and its misdeeds: each request takes the first of `plan` off."""

    content: bytes
    etag: str | None = '"one"'
    last_modified: str | None = None
    sends_length: bool = True
    plan: list[Status | CloseAfter | WholeFile] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve `site` until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            site.requests.append(dict(self.headers.items()))
            step = site.plan.pop(0) if site.plan else None
            if isinstance(step, Status):
                self.send_error(step.code)
                return
            content, start, status = site.content, 0, 200
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range") in (site.etag, site.last_modified)
            if asked and same and not isinstance(step, WholeFile):
                start = int(asked[1])
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.end_headers()
                    return
                status = 206
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            for name, value in (("ETag", site.etag), ("Last-Modified", site.last_modified)):
                if value is not None:
                    self.send_header(name, value)
            if site.sends_length:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + step.n_bytes if isinstance(step, CloseAfter) else len(content)
            self.wfile.write(content[start:end])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}/speech.tar.gz"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
