"""Text files line by line, whatever their compression and encoding.

Lines are counted, so that an error names the one that is wrong.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from glasscast.datasets.formats.compression import open_content
from glasscast.errors import InputError

_TOO_LARGE = 2**63
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(first: bytes) -> str:
    """Tell the encoding by the mark at the beginning of a text; UTF-8 without one."""
    return next((name for mark, name in _MARKS if first.startswith(mark)), "utf-8")


@contextmanager
def open_lines(path: Path) -> Iterator[Lines]:
    """Open a text file, compressed or not.

    Raises
    ------
    InputError : if it cannot be opened.
    """
    with open_content(path) as content:
        encoding = encoding_of(content.peek(4)[:4])
        yield Lines(path, io.TextIOWrapper(content, encoding=encoding, errors="replace"))


def whole_number(text: str) -> int:
    """Read an integer that a double can take.

    Raises
    ------
    ValueError : if it is none, or too large.
    """
    value = int(text)
    if abs(value) >= _TOO_LARGE:
        raise ValueError(f"{text[:20]}... is too large")
    return value


class Lines:
    """Lines of a file, counted.

    Parameters
    ----------
    path : named in messages.
    """

    def __init__(self, path: Path, stream: io.TextIOBase) -> None:
        self.path, self._stream = path, stream
        #: Number of the line that was read last, from 1.
        self.number = 0
        self._returned: list[str] = []

    def read(self) -> str:
        """Return the next line with its break; '' at the end of the file."""
        line = self._returned.pop() if self._returned else self._stream.readline()
        self.number += bool(line)
        return line

    def put_back(self, line: str) -> None:
        """Let the line that was read last be the next again."""
        self._returned.append(line)
        self.number -= 1

    def read_filled(self) -> str:
        """Return the next line that is not blank, without its break; '' at the end of the file."""
        while line := self.read():
            if stripped := line.strip():
                return stripped
        return ""

    def expect(self, what: str) -> str:
        """Return the next line, which must be whole.

        Parameters
        ----------
        what : what it should hold, for the message.

        Raises
        ------
        InputError : at the end of the file.
        """
        line = self.read()
        if not line.endswith("\n"):
            raise self.wrong(f"is truncated: {what} is missing or cut off")
        return line.strip()

    def block(self, size: int) -> list[str]:
        """Return the next lines, fewer at the end of the file."""
        found, self._returned = self._returned, []
        found += islice(self._stream, size - len(found))
        self.number += len(found)
        return found

    def wrong(self, what: str, mend: str = "", number: int | None = None) -> InputError:
        """Return the error of a line, by default of the last."""
        return InputError(self.path, f"line {number or self.number}: {what}", mend)
