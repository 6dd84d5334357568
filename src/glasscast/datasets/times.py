"""Which times of a trajectory are kept: all, those asked for, or a few spaced evenly in log.

What a liquid does spreads over decades of time, and every kept time costs memory, disk and
training. A trajectory of very many equal spacings is therefore thinned unless the times are said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Equally spaced trajectories of more times are thinned to ``KEPT_BY_DEFAULT``.
MANY = 64
KEPT_BY_DEFAULT = 20
_SAME_SPACING = 1e-3
_LISTED = 12  # times that are listed one by one
#: Share of a time by which the nearest frame may miss it.
_NEAR = 1e-3


@dataclass(frozen=True)
class Choice:
    """Rows that are kept of all times, and what is to be said of it.

    Parameters
    ----------
    rows : ascending indices.
    remark : '' if nothing was left out unasked.
    """

    rows: tuple[int, ...]
    remark: str = ""


def choose_times(
    path: Path, times: Sequence[float] | FloatArray, wanted: int | Sequence[float] | None
) -> Choice:
    """Choose among the times of a trajectory.

    Parameters
    ----------
    path : named in messages.
    times : increasing, above 0.
    wanted : a number of logarithmically spaced times; times; or None for all, unless they are
        very many at equal spacings.

    Raises
    ------
    InputError : for a time at which there is no frame.
    """
    array = np.asarray(times, dtype=np.float64)
    if wanted is None:
        if len(array) <= MANY or not _equally_spaced(array):
            return Choice(tuple(range(len(array))))
        return Choice(
            spread_out(array, KEPT_BY_DEFAULT),
            f"of the times {listed(times)} at equal spacing, {KEPT_BY_DEFAULT} logarithmically "
            "spaced ones are kept; say the times, or how many, to keep others",
        )
    if isinstance(wanted, int):
        return Choice(spread_out(array, wanted))
    rows = [_row_of(path, array, time) for time in sorted(wanted)]
    if len(set(rows)) < len(rows):
        raise InputError(
            path, "two of the times asked for are nearest to the same frame", "", "times"
        )
    return Choice(tuple(rows))


def spread_out(times: FloatArray, count: int) -> tuple[int, ...]:
    """Rows of so many times, first and last among them, each about as many times the one before.

    Where the times do not lie close enough the next one is taken, and the rest is spread anew.
    """
    last = len(times) - 1
    if count > last:
        return tuple(range(len(times)))
    if count == 1:
        return (last,)
    rows = [0]
    for left in range(count - 1, 0, -1):
        here = times[rows[-1]]
        target = here * (times[last] / here) ** (1 / left)
        nearest = int(np.argmin(np.abs(times - target)))
        # Each of those still to come needs a row of its own.
        rows.append(min(max(nearest, rows[-1] + 1), last - left + 1))
    return tuple(rows)


def listed(times: Iterable[float]) -> str:
    """List times; of very many the first, the last, and how many there are."""
    known = list(times)
    if len(known) <= _LISTED:
        return ", ".join(f"{t:g}" for t in known)
    return f"{known[0]:g} to {known[-1]:g} ({len(known)} times)"


def _equally_spaced(times: FloatArray) -> bool:
    gaps = np.diff(times)
    return bool(np.ptp(gaps) <= _SAME_SPACING * gaps.mean())


def _row_of(path: Path, times: FloatArray, wanted: float) -> int:
    row = int(np.argmin(np.abs(times - wanted)))
    if abs(times[row] - wanted) > _NEAR * wanted:
        raise InputError(
            path,
            f"has no frame at time {wanted:g}, the nearest is at {times[row]:g}; its times: "
            f"{listed(times)}",
            "",
            "times",
        )
    return row
