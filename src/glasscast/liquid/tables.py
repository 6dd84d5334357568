r"""Pair potentials given as tables of distance, energy and force.

Between two rows the energy is the cubic polynomial that has the energy and the slope, minus the
force, of both (Hermite's interpolation); the force is its derivative, minus the sign. So both
columns hold exactly at every row, energy is conserved whatever the rows, and a smooth potential
tabulated with spacing h is off by :math:`h^4 u''''/384` in energy. A pair does not interact from
the last row on; if the energy is not 0 there it jumps, and so does the force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from glasscast.config import read_text
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Most rows of one table, and of all tables of a liquid together.
MOST_ROWS, MOST_ROWS_IN_ALL = 20_000, 200_000
#: Bytes of the longest file of a table.
LONGEST_TABLE = 4_000_000


def _checked(
    rows: tuple[tuple[float, float, float], ...],
) -> tuple[tuple[float, float, float], ...]:
    """Refuse rows that are no potential.

    The force must be minus the slope of the energy. Between two rows the mean force is told by the
    energies; it has to lie among the forces of these rows and their neighbours, rounding allowed
    for: 3 % of the force, 1e-5 of the energy over the spacing.

    Raises
    ------
    ValueError : naming the row, counted from 1.
    """
    r, energy, force = np.array(rows).T
    if r[0] <= 0 or np.any(np.diff(r) <= 0):
        row = int(np.argmax(np.diff(r, prepend=0.0) <= 0)) + 1
        raise ValueError(f"distances must be positive and increase; see row {row}")
    spacing, size = np.diff(r), np.abs(energy)
    if np.any(spacing < 1e-12 * r[1:]):
        raise ValueError("rows are too close to each other to tell a slope")
    mean = -np.diff(energy) / spacing
    around = np.lib.stride_tricks.sliding_window_view(np.pad(force, 1, mode="edge"), 4)
    scale = np.maximum(np.maximum(size[1:], size[:-1]), np.median(size))
    slack = 0.03 * np.abs(around).max(axis=1) + 1e-5 * scale / spacing
    wrong = (mean < around.min(axis=1) - slack) | (mean > around.max(axis=1) + slack)
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise ValueError(
            f"the force is not minus the slope of the energy: from r = {r[row]:g} to "
            f"{r[row + 1]:g} the energies tell {mean[row]:.4g}, the forces are {force[row]:.4g} "
            f"and {force[row + 1]:.4g} (rows {row + 1} and {row + 2})"
        )
    return rows


#: Rows of distance, energy and force -du/dr, the distances increasing.
Rows = Annotated[
    tuple[tuple[float, float, float], ...],
    Field(min_length=4, max_length=MOST_ROWS),
    AfterValidator(_checked),
]


def read_table(path: Path) -> list[tuple[float, ...]]:
    """Read the rows of a text file: three columns apart by blanks or commas, ``#`` for comments.

    Raises
    ------
    InputError : if it cannot be read, or naming the line that holds something else.
    """
    rows: list[tuple[float, ...]] = []
    for number, line in enumerate(read_text(path, LONGEST_TABLE).splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            row = tuple(float(word) for word in words)
        except ValueError:
            row = ()
        if len(row) != 3:
            raise InputError(
                path, f"line {number} must hold three numbers: distance, energy and force"
            )
        rows.append(row)
        if len(rows) > MOST_ROWS:
            raise InputError(path, f"has more than {MOST_ROWS} rows")
    return rows


def with_tables(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Content of a liquid's file, with the tables read that its pairs name by file.

    Parameters
    ----------
    folder : of the liquid's file; the paths are seen from it.

    Raises
    ------
    InputError : if a table cannot be read, or they have too many rows together.
    """
    pairs = content.get("pairs")
    if not isinstance(pairs, dict):
        return dict(content)
    filled, rows = {}, 0
    for key, pair in pairs.items():
        if isinstance(pair, dict) and isinstance(pair.get("table"), str):
            path = folder / pair["table"]
            table = read_table(path)
            rows += len(table)
            if rows > MOST_ROWS_IN_ALL:
                raise InputError(path, f"brings the rows of all tables above {MOST_ROWS_IN_ALL}")
            pair = pair | {"table": table}
        filled[key] = pair
    return {**content, "pairs": filled}


@dataclass(frozen=True, eq=False)
class PairTable:
    """The potential of one pair of species.

    Parameters
    ----------
    rows : (K, 3) distance, energy, force.
    """

    rows: FloatArray

    @cached_property
    def pieces(self) -> FloatArray:
        """Cubics in the distance from each row but the last, (K - 1, 4), highest power first."""
        r, energy, slope = self.rows[:, 0], self.rows[:, 1], -self.rows[:, 2]
        h = np.diff(r)
        mean, first, last = np.diff(energy) / h, slope[:-1], slope[1:]
        cubic, square = (first + last - 2 * mean) / h**2, (3 * mean - 2 * first - last) / h
        return np.column_stack([cubic, square, first, energy[:-1]])

    def energy(self, distances: FloatArray) -> FloatArray:
        """Energy at some distances; infinite inside the first row, 0 from the last on."""
        x, (cubic, square, linear, constant) = self._piece(distances)
        return self._inside(distances, ((cubic * x + square) * x + linear) * x + constant)

    def force(self, distances: FloatArray) -> FloatArray:
        """Force -du/dr at some distances; infinite inside the first row, 0 from the last on."""
        x, (cubic, square, linear, _) = self._piece(distances)
        return self._inside(distances, -((3 * cubic * x + 2 * square) * x + linear))

    def _piece(self, distances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance from the row before, and the four coefficients from there on."""
        row = np.searchsorted(self.rows[:, 0], distances, side="right") - 1
        row = np.clip(row, 0, len(self.pieces) - 1)
        return distances - self.rows[row, 0], self.pieces[row].T

    def _inside(self, distances: FloatArray, values: FloatArray) -> FloatArray:
        values = np.where(distances < self.rows[-1, 0], values, 0.0)
        return np.where(distances < self.rows[0, 0], np.inf, values)


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of all pairs of S species; has the face of :class:`~.power_sums.PowerSums`.

    Parameters
    ----------
    pairs : S rows of S tables, symmetric.
    """

    pairs: tuple[tuple[PairTable, ...], ...]

    @cached_property
    def cutoff(self) -> FloatArray:
        """Last distances, (S, S): from there on a pair does not interact."""
        return np.array([[pair.rows[-1, 0] for pair in row] for row in self.pairs])

    @cached_property
    def core(self) -> FloatArray:
        """First distances, (S, S): no pair may be closer."""
        return np.array([[pair.rows[0, 0] for pair in row] for row in self.pairs])

    def energy(self, distances: FloatArray, a: Any, b: Any) -> FloatArray:
        """Energy of pairs of species a and b (numbers or arrays) at some distances."""
        return self._each(PairTable.energy, distances, a, b)

    def force(self, distances: FloatArray, a: Any, b: Any) -> FloatArray:
        """Force -du/dr of pairs at some distances, positive when repulsive."""
        return self._each(PairTable.force, distances, a, b)

    def _each(
        self,
        quantity: Callable[[PairTable, FloatArray], FloatArray],
        distances: FloatArray,
        a: Any,
        b: Any,
    ) -> FloatArray:
        count, out = len(self.pairs), np.empty(distances.shape)
        codes = np.broadcast_to(np.asarray(a, dtype=np.int64) * count + b, distances.shape)
        for code in np.unique(codes):
            chosen = codes == code
            out[chosen] = quantity(self.pairs[code // count][code % count], distances[chosen])
        return out
