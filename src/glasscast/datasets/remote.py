"""Files on a web server, read by position through ranges.

A :class:`RemoteFile` is what Python calls a raw binary file, so that ``zipfile`` and ``tarfile``
read a part of a large archive as if it lay here. It survives what networks do: a cut or silent
connection is made anew where the last byte left off.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from glasscast.errors import InputError
from glasscast.runtime import __version__

#: Answers after which asking again may help: too many requests, and a server in trouble.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0  # seconds between two attempts
_ELSEWHERE = "give a mirror or a folder that holds it"
_NEAR = 1 << 18  # bytes that are sooner read than asked for by another request
#: Bytes asked for first, how these grow while reading goes on, and where all the rest is asked
#: for: who jumps from header to header does not have what lies between sent for nothing.
_FIRST, _GROWS, _ALL = 1 << 16, 8, 1 << 26


@dataclass(frozen=True)
class Patience:
    """How long a server may be silent, and how often it is asked again.

    Parameters
    ----------
    timeout : seconds without a byte after which a connection counts as lost.
    attempts : in a row without a byte, after which the file counts as out of reach; a server that
        never answered is given a third of them.
    wait : seconds before the second attempt; doubled each time, to at most a minute.
    """

    timeout: float = 60.0
    attempts: int = 9
    wait: float = 1.0


class RemoteFile(io.RawIOBase):
    """A file on a web server, read by position.

    Parameters
    ----------
    address : ``https``, or ``http`` for a mirror nearby; https never leads to http.

    Attributes
    ----------
    size : bytes; None if the server does not say.
    ranged : whether the server answers requests for a part; without, only reading from the
        beginning to the end is possible.
    identity : the server's mark of this version; empty if it gives none.

    Raises
    ------
    InputError : naming the address, here and while reading: if the server cannot be reached or
        refuses, the file changes meanwhile, or a part is wanted of a server that gives none.
    """

    def __init__(self, address: str, patience: Patience | None = None) -> None:
        super().__init__()
        self.address, self._patience = address, patience or Patience()
        self.size: int | None = None
        self.identity, self.ranged = "", False
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=self._patience.timeout,
            headers={"Accept-Encoding": "identity", "User-Agent": f"glasscast/{__version__}"},
            event_hooks={"request": [guard(address)]},
        )
        self._response: httpx.Response | None = None
        self._blocks: Iterator[bytes] = iter(())
        self._block = memoryview(b"")  # received, not yet read
        self._position = self._at = 0  # of the reader; of the next byte of the connection
        self._asked = _FIRST  # bytes of the next request
        self._until: int | None = None  # where the answer ends
        self._failures, self._known, self._jumped = 0, False, False
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it has positions."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; nothing is asked of the server before the next read."""
        if whence == os.SEEK_END and self.size is None:
            raise self._error("does not say how long it is", _ELSEWHERE)
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size or 0}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read what comes next, at least a byte before the end of the file."""
        view = memoryview(buffer).cast("B")
        if not view or (self.size is not None and self._position >= self.size):
            return 0
        if not self._go_to_position():
            return 0
        taken = min(len(view), len(self._block))
        view[:taken] = self._block[:taken]
        self._block = self._block[taken:]
        self._position += taken
        self._at += taken
        return taken

    def close(self) -> None:
        """Let the connection go."""
        if not self.closed:
            self._drop()
            self._client.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _go_to_position(self) -> bool:
        """Make the byte at the position the first of the block; False at the end of the file."""
        ahead = self._position - self._at
        if ahead < 0 or (ahead > _NEAR and self.ranged):
            if not self.ranged:
                raise self._no_parts()
            self._drop()
            self._at, self._asked, self._jumped = self._position, _FIRST, True
        while True:
            if self._block:
                skipped = min(self._position - self._at, len(self._block))
                self._block, self._at = self._block[skipped:], self._at + skipped
                if self._block:
                    return True
            if not self._receive():
                return False

    def _receive(self) -> bool:
        """Take the next block from the connection, a new one if need be; False at the end."""
        while True:
            try:
                if self._response is None:
                    self._connect()
                block = next(self._blocks, None)
            except httpx.TransportError as error:
                self._try_again(error)
                continue
            if block:
                self._failures, self._block = 0, memoryview(block)
                return True
            if block is not None:
                continue
            if self._at == self.size or (self.size is None and self._until is None):
                return False
            if self._at == self._until:
                self._drop()  # to ask for the next bytes
            else:
                self._try_again(EOFError("the answer ends early"))

    def _connect(self) -> None:
        """Ask for the bytes that come next, until the server answers."""
        while True:
            last = "" if self._asked >= _ALL else self._at + self._asked - 1
            try:
                request = self._client.build_request(
                    "GET", self.address, headers={"Range": f"bytes={self._at}-{last}"}
                )
                response = self._client.send(request, stream=True)
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as error:
                raise self._error(f"is no address that can be read ({error})") from None
            except httpx.TransportError as error:
                self._try_again(error)
                continue
            self._response = response
            if response.status_code in _PASSING:
                self._try_again(EOFError(f"the server answers {response.status_code}"))
                continue
            self._accept(response)
            self._asked *= _GROWS
            return

    def _accept(self, response: httpx.Response) -> None:
        """Take the answer's body as the bytes that come next, after a check that it is these."""
        start, self._until, size = _extent(response)
        if start is None:
            raise self._error(
                f"cannot be fetched: the server answers {response.status_code} "
                f"{response.reason_phrase}",
                f"the address may have moved; {_ELSEWHERE}",
            )
        identity = response.headers.get("etag") or response.headers.get("last-modified", "")
        if self._known and (identity, size) != (self.identity, self.size):
            raise self._error("has changed on the server while it was read", "begin again")
        self.identity, self.size, self._known = identity, size, True
        takes = response.headers.get("accept-ranges", "").lower()
        self.ranged = response.status_code == 206 or (takes == "bytes" and self._at == 0)
        if start not in (0, self._at) or 0 < (self._until or self._at + 1) <= self._at:
            raise self._error(
                f"is answered by bytes {start} to {self._until}, not by what follows {self._at}",
                _ELSEWHERE,
            )
        self._blocks = response.iter_raw()
        if start < self._at:  # the server ignores ranges: what was read comes once more
            if self._jumped:
                raise self._no_parts()
            self._blocks = _after(self._blocks, self._at)

    def _try_again(self, error: Exception) -> None:
        """Wait, longer each time.

        Raises
        ------
        InputError : if it was tried often enough.
        """
        self._drop()
        self._failures += 1
        attempts = self._patience.attempts if self._known else -(-self._patience.attempts // 3)
        if self._failures >= attempts:
            why = str(error) or type(error).__name__
            raise self._error(
                f"cannot be {'read on' if self._known else 'reached'} ({why})",
                f"check the connection, or {_ELSEWHERE}; what is here already is kept",
            ) from None
        time.sleep(min(_LONGEST_WAIT, self._patience.wait * 2 ** (self._failures - 1)))

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
        self._response, self._blocks, self._block = None, iter(()), memoryview(b"")

    def _no_parts(self) -> InputError:
        return self._error(
            "is on a server that ignores ranges, so that no part of it can be taken alone",
            "download it whole and give the file, or give a mirror",
        )

    def _error(self, problem: str, remedy: str = "") -> InputError:
        return InputError(self.address, problem, remedy, "source")


def guard(address: str) -> Callable[[httpx.Request], None]:
    """Make a check of each request that an address leads to.

    The check raises InputError where an encrypted address leads to one that is not.
    """

    def check(request: httpx.Request) -> None:
        if address.startswith("https:") and request.url.scheme != "https":
            raise InputError(
                address, f"leads to {request.url}, which is not encrypted", _ELSEWHERE, "source"
            )

    return check


def _extent(response: httpx.Response) -> tuple[int | None, int | None, int | None]:
    """First byte of an answer, None if it is no part of the file; its end; the file's size."""
    stated = re.fullmatch(
        r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", response.headers.get("content-range", "").strip()
    )
    if response.status_code == 206 and stated is not None and stated[1]:
        return int(stated[1]), int(stated[2]) + 1, None if stated[3] == "*" else int(stated[3])
    if response.status_code == 416 and stated is not None and stated[3] == "0":
        return 0, 0, 0  # no part of an empty file can be given
    if response.status_code == 200:
        length = response.headers.get("content-length", "")
        size = int(length) if length.isdecimal() else None
        return 0, size, size
    return None, None, None


def _after(blocks: Iterator[bytes], skipped: int) -> Iterator[bytes]:
    """Blocks without their first bytes."""
    for block in blocks:
        if len(block) > skipped:
            yield block[skipped:]
        skipped = max(0, skipped - len(block))
