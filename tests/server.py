"""A web server on loopback that behaves as badly as a test wants."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from glasscast.datasets.remote import Patience

#: Tests do not wait: silence counts after a tenth of a second.
IMPATIENT = Patience(timeout=0.3, attempts=9, wait=0.001)


@dataclass
class Server:
    """Files by path, and how they are served.

    Parameters
    ----------
    files : path -> content.
    ranges : answer requests for parts.
    cut : bytes after which every answer breaks off.
    silent : answer falls silent, rather than breaks off.
    version : mark of the files (ETag); none, if empty.
    statuses : answered, one a request, before the files are.
    redirects : path -> address.
    asked : (path, first byte asked for) of every request; None without a range.
    targets : path and query of every request.
    counted : bytes of bodies sent so far.
    busy : answers that are being sent.
    """

    files: dict[str, bytes]
    ranges: bool = True
    cut: int | None = None
    silent: bool = False
    version: str = "1"
    statuses: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, int | None]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    counted: int = 0
    busy: int = 0
    address: str = ""
    done: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def sent(self) -> int:
        """Bytes of bodies sent, once no answer is on its way: readers are quicker than counting."""
        with self.changed:
            self.changed.wait_for(lambda: self.busy == 0, timeout=5)
            return self.counted

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Mark an answer as being on its way."""
        with self.changed:
            self.busy += 1
        try:
            yield
        finally:
            with self.changed:
                self.busy -= 1
                self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_GET(self) -> None:
        it = self.server.behaviour
        path = urlsplit(self.path).path.lstrip("/")
        stated = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(stated[1]) if stated else None
        last = int(stated[2]) if stated and stated[2] else None
        it.asked.append((path, start))
        it.targets.append(self.path)
        if it.statuses:
            self._plain(it.statuses.pop(0))
        elif path in it.redirects:
            self._plain(302, Location=it.redirects[path])
        elif path not in it.files:
            self._plain(404)
        else:
            self._content(it, it.files[path], start, last)

    def _plain(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(key, value)
        self.end_headers()

    def _content(self, it: Server, content: bytes, start: int | None, last: int | None) -> None:
        partial = it.ranges and start is not None
        if partial and start >= len(content):
            self._plain(416, **{"Content-Range": f"bytes */{len(content)}"})
            return
        end = len(content) if last is None else min(last + 1, len(content))
        body = content[start:end] if partial else content
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        if it.version:
            self.send_header("ETag", f'"{it.version}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        whole = it.cut is None or len(body) <= it.cut
        with it.sending():
            try:
                self.wfile.write(body if whole else body[: it.cut])
                self.wfile.flush()
            except OSError:  # the reader has what it wants
                self.close_connection = True
                return
            with it.changed:
                it.counted += len(body) if whole else it.cut
        if not whole:
            if it.silent:
                it.done.wait(5)
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviour: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour

    def handle_error(self, request: object, client_address: object) -> None:
        """Readers that leave early are no error."""


@contextmanager
def serving(files: dict[str, bytes], **how: object) -> Iterator[Server]:
    """Serve files on loopback while the block runs."""
    behaviour = Server(files, **how)
    listener = _Listener(behaviour)
    behaviour.address = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield behaviour
    finally:
        behaviour.done.set()
        listener.shutdown()
        listener.server_close()
        thread.join()
