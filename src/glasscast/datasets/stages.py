"""What the rows of labels are: times, or stages of the relaxation that have a time each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from glasscast.datasets.records import Record, SpeciesName, TauFrom, WaveNumberFrom
from glasscast.datasets.state_points import Range

By = Literal["time", "scattering", "tau_alpha", "number"]


class _Wording(NamedTuple):
    """How the values of stages are written.

    Parameters
    ----------
    letter : before them in the names of columns.
    quantity : in words and on axes.
    """

    letter: str
    quantity: str


_WORDING: dict[By, _Wording] = {
    "time": _Wording("t", "t"),
    "scattering": _Wording("s", "F_s(q, t)"),
    "tau_alpha": _Wording("a", "t / tau_alpha"),
    "number": _Wording("n", "stage"),
}


class Stages(Record):
    """What the rows in time are.

    Parameters
    ----------
    by : ``time``; ``scattering``, values of F_s(q, t); ``tau_alpha``, multiples of it; ``number``.
    values : one a row, in order of time; empty for bare snapshots.
    times : lowest and highest time of each row, null where none reached it; absent where ``by`` is
        ``time``.
    q, q_from, species : wave number of F_s, where it comes from, and whose it is.
    tau_alpha, tau_from : relaxation time and how it was found.
    scattering : mean F_s of each row, where known.
    source : index into the manifest's ``sources`` of each row; absent if all are 0.
    """

    by: Literal["time", "scattering", "tau_alpha", "number"] = "time"
    values: tuple[float, ...] = ()
    times: tuple[Range | None, ...] | None = None
    q: float | None = Field(default=None, gt=0)
    q_from: WaveNumberFrom | None = None
    species: SpeciesName | None = None
    tau_alpha: float | None = Field(default=None, gt=0)
    tau_from: TauFrom | None = None
    scattering: tuple[float, ...] | None = None
    source: tuple[int, ...] | None = None

    def taken(self, rows: Sequence[int]) -> Self:
        """Return the stages with only some rows."""
        keys = ("values", "times", "scattering", "source")
        found = {key: getattr(self, key) for key in keys}
        return self.model_copy(
            update={k: tuple(v[row] for row in rows) for k, v in found.items() if v is not None}
        )

    @model_validator(mode="after")
    def _rows(self) -> Self:
        falls = self.by == "scattering"
        if any((b >= a) if falls else (b <= a) for a, b in pairwise(self.values)):
            raise ValueError(
                f"'values' by {self.by} must {'fall' if falls else 'rise'}, got {self.values}"
            )
        for key in ("times", "scattering", "source"):
            rows = getattr(self, key)
            if rows is not None and len(rows) != len(self.values):
                raise ValueError(f"'{key}' has {len(rows)} rows for {len(self.values)} values")
        if self.by == "time" and self.times is not None:
            raise ValueError("'times' are the values where 'by' is time")
        if self.by == "time" and self.values and self.values[0] < 0:
            raise ValueError("'values' by time are not negative")
        return self

    @property
    def quantity(self) -> str:
        """What the values are values of: ``t``, ``F_s(q, t)``, ``t / tau_alpha`` or ``stage``."""
        return _WORDING[self.by].quantity

    @property
    def spans(self) -> tuple[Range | None, ...]:
        """Lowest and highest time of each row; None where it is not known."""
        if self.by == "time":
            return tuple((value, value) for value in self.values)
        return self.times or (None,) * len(self.values)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the rows in columns of files, one to one: ``t4120``, ``s0p5``, ``a0p1``, ``n7``.

        As many digits as tell the rows apart; ``p`` stands for the point, because OVITO reads what
        follows a dot as a component of a vector.
        """
        texts: list[str] = []
        for digits in (6, 17):
            texts = [
                np.format_float_positional(v, precision=digits, fractional=False, trim="-")
                for v in self.values
            ]
            if len(set(texts)) == len(texts):
                break
        return tuple(_WORDING[self.by].letter + text.replace(".", "p") for text in texts)

    def fact(self) -> tuple[str, str]:
        """Heading and value for people: ``times``, ``6 (0.1 to 33)``."""
        heading = "times" if self.by == "time" else f"stages, {self.quantity}"
        ends = dict.fromkeys(f"{v:g}" for v in (self.values[0], self.values[-1]))
        return heading, f"{len(self.values)} ({' to '.join(ends)})"

    def same_rows(self, other: Stages) -> bool:
        """Whether rows are of the same kind and values, to one part in a thousand."""
        return (self.by, len(self.values)) == (other.by, len(other.values)) and np.allclose(
            self.values, other.values, rtol=1e-3, atol=0
        )

    def text(self, row: int) -> str:
        """Say in words which row this is; see :func:`row_text`."""
        return row_text(self.by, self.values[row])

    def row_of(self, value: float) -> int | None:
        """Row of a value, to one part in a thousand; None if it is not here."""
        close = np.flatnonzero(np.isclose(self.values, value, rtol=1e-3, atol=0))
        return int(close[0]) if len(close) else None


def row_text(by: By, value: float) -> str:
    """Say in words which row a value stands for: ``t = 4120``, ``F_s(q, t) = 0.5``, ``stage 7``."""
    return rows_text(by, [value])


def rows_text(by: By, values: Iterable[float]) -> str:
    """Say which rows values stand for, as ``t = 1, 10``."""
    listed = ", ".join(f"{value:.6g}" for value in values)
    return f"stage {listed}" if by == "number" else f"{_WORDING[by].quantity} = {listed}"


def quantity_of(by: By) -> str:
    """Name what values of rows are values of, in words."""
    return "time" if by == "time" else _WORDING[by].quantity


def in_time(by: By, values: Iterable[float]) -> list[float]:
    """Return values of stages in order of time: F_s falls, all else rises."""
    return sorted(values, reverse=by == "scattering")
