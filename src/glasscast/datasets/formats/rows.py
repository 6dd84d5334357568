"""The one reader of rows of numbers, for all text formats.

Each thing that can be wrong with a row has an error of its own, with its line and column. A line
without a break at its end was cut off: nothing tells whether the last number in it is whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.text import Lines
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Particles of the largest frame; simulations of glass formers have a thousandth of it.
MOST_PARTICLES = 20_000_000
_MOST_COLUMNS = 1000
_LONGEST_WORD = 32
_BLOCK = 1 << 15  # rows that are text at a time


class Table:
    """Some columns of the rows of a frame.

    Parameters
    ----------
    columns : all there are, in order.
    rows : structured array with a field a column, named by its number.
    """

    def __init__(self, columns: Sequence[str], rows: NDArray[Any]) -> None:
        self._columns, self._rows = tuple(columns), rows

    def numbers(self, names: Sequence[str]) -> FloatArray:
        """(N, k) float64 of some columns."""
        found = np.empty((len(self._rows), len(names)))
        for k, name in enumerate(names):
            found[:, k] = self.column(name)
        return found

    def column(self, name: str) -> NDArray[Any]:
        """(N,) numbers or words of a column."""
        return np.asarray(self._rows[str(self._columns.index(name))])


@dataclass
class Rows:
    """The rows of a frame that follow in a file, read once or passed over.

    Parameters
    ----------
    lines : the file, behind what precedes the rows.
    size : number of rows.
    columns : names of all columns.
    where : the frame, for messages.
    comments : what begins a remark behind a row, if there may be one.
    """

    lines: Lines
    size: int
    columns: tuple[str, ...]
    where: str
    comments: str | None = None
    _left: int = -1

    def __post_init__(self) -> None:
        if not 0 < self.size <= MOST_PARTICLES:
            raise self.lines.wrong(
                f"{self.where} must have 1 to {MOST_PARTICLES} particles, got {self.size}"
            )
        if len(self.columns) > _MOST_COLUMNS:
            raise self.lines.wrong(f"{self.where} has more than {_MOST_COLUMNS} columns")
        self._left = self.size

    def read(self, numbers: Sequence[str], words: Sequence[str] = ()) -> Table:
        """Read them.

        Parameters
        ----------
        numbers, words : columns that are wanted, as finite numbers or as words; a column of
            ``words`` whose first entry is a number is read as numbers.

        Raises
        ------
        InputError : naming line and column, for rows that are absent, blank or of another width,
            and for what is no number or not finite.
        """
        parts = []
        kinds: NDArray[Any] | None = None
        while self._left:
            lines = self._next_lines()
            if kinds is None:
                kinds = self._kinds(lines[0], numbers, words)
            parts.append(self._parsed(lines, kinds))
        return Table(self.columns, parts[0] if len(parts) == 1 else np.concatenate(parts))

    def skip(self) -> None:
        """Pass over what is left of them; a file that ends before is refused as in reading."""
        while self._left:
            self._next_lines()

    def _next_lines(self) -> list[str]:
        wanted = min(self._left, _BLOCK)
        lines = self.lines.block(wanted)
        if len(lines) < wanted:
            done = self.size - self._left + len(lines)
            raise self.lines.wrong(
                f"is truncated: {self.where} has {done} of {self.size} particles"
            )
        if not lines[-1].endswith("\n"):
            raise self.lines.wrong(
                f"is truncated: the last line of {self.where} has no line break, a number in it "
                "may be cut",
                "copy it again; if it is whole, end it by a line break",
            )
        self._left -= wanted
        return lines

    def _kinds(self, line: str, numbers: Sequence[str], words: Sequence[str]) -> Any:
        """Type of a row: columns that are not wanted are hardly looked at."""
        entries = self._entries(line)
        kinds = []
        for k, name in enumerate(self.columns):
            kind = "U1"
            if name in numbers:
                kind = "f8"
            elif name in words:
                told = k < len(entries) and not _is_number(entries[k])
                kind = f"U{_LONGEST_WORD + 1}" if told else "f8"
            kinds.append((str(k), kind))
        return np.dtype(kinds)

    def _parsed(self, lines: list[str], kinds: Any) -> NDArray[Any]:
        first = self.lines.number - len(lines) + 1
        rows = np.empty(0, kinds)
        if self._entries(lines[0]):  # numpy warns of text without any
            with suppress(ValueError):
                rows = np.loadtxt(lines, dtype=kinds, comments=self.comments, ndmin=1)
        if len(rows) != len(lines):
            raise self._found(lines, first, kinds)
        for name in kinds.names:
            values = rows[name]
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values)))
                raise self._bad(first + row, int(name), f"{values[row]} is not finite")
            if values.dtype.itemsize > 4 * _LONGEST_WORD and values.dtype.kind == "U":
                lengths = np.char.str_len(values)
                if lengths.max() > _LONGEST_WORD:
                    row = int(np.argmax(lengths))
                    raise self._bad(first + row, int(name), f"'{values[row]}...' is no name")
        return np.asarray(rows)

    def _found(self, lines: Sequence[str], first: int, kinds: Any) -> InputError:
        """Return the error of the first row that cannot be read."""
        for number, line in enumerate(lines, first):
            entries = self._entries(line)
            if not entries:
                return self.lines.wrong(
                    f"{self.where} has a blank row",
                    "the number of particles is too large, or the file damaged",
                    number,
                )
            if len(entries) != len(self.columns):
                return self.lines.wrong(
                    f"{self.where} has {len(self.columns)} columns, this row {len(entries)}: "
                    f"'{line.strip()[:40]}'",
                    "the number of particles is wrong, or the file damaged or truncated",
                    number,
                )
            for k, entry in enumerate(entries):
                if kinds[k].kind == "f" and not _is_number(entry):
                    return self._bad(number, k, f"'{entry[:40]}' is no number")
        return self.lines.wrong(f"the rows of {self.where} up to here cannot be read")

    def _bad(self, number: int, column: int, what: str) -> InputError:
        name = f"column {column + 1} ('{self.columns[column]}')"
        return self.lines.wrong(f"{self.where}, {name}: {what}", "the file may be damaged", number)

    def _entries(self, line: str) -> list[str]:
        return (line.partition(self.comments)[0] if self.comments else line).split()


def _is_number(entry: str) -> bool:
    try:
        value = float(entry)
    except ValueError:
        return False
    return "_" not in entry and (math.isfinite(value) or entry.strip("+-").isalpha())
