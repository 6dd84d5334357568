r"""Pair potentials given as tables of distance, energy and force.

Between two rows the energy is the polynomial of fifth degree that has energy, slope (minus the
force) and curvature of both; the curvature at a row is that of the polynomial through the forces
of the five nearest rows. So both columns hold exactly at every row, the force is minus the slope
of the energy everywhere, and the stiffness is continuous. Lennard-Jones in 500 rows from 0.8 to
2.5 is reproduced to 4e-10 beyond 0.9. A pair does not interact from the last row on; if the
energy is not 0 there it jumps, and so may the force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from glasscast.errors import InputError
from glasscast.inputs import read_text
from glasscast.liquid.box import FloatArray

#: Most rows of one table, and of all tables of a liquid together.
MOST_ROWS, MOST_ROWS_IN_ALL = 20_000, 200_000
#: Bytes of the longest file of a table.
LONGEST_TABLE = 4_000_000


def _checked(
    rows: tuple[tuple[float, float, float], ...],
) -> tuple[tuple[float, float, float], ...]:
    """Refuse rows that are no potential.

    The force must be minus the slope of the energy: between two rows the mean force is told by
    the energies, and it has to lie among the forces of these rows and their neighbours. So has
    the interpolated force, or the rows are too coarse. Rounding is allowed for: 3 % of the force,
    1e-5 of the energy over the spacing.

    Raises
    ------
    ValueError : naming the row, counted from 1.
    """
    table = np.array(rows)
    r, energy, force = table.T
    row = _first(np.diff(r, prepend=0.0) <= 1e-9 * np.abs(r))
    if row is not None:
        raise ValueError(f"distances must be positive and increase; see row {row + 1}")
    spacing, size = np.diff(r), np.abs(energy)
    around = _windows(force, 4)
    low, high = around.min(axis=1), around.max(axis=1)
    scale = np.maximum(np.maximum(size[1:], size[:-1]), np.median(size))
    slack = 0.03 * np.abs(around).max(axis=1) + 1e-5 * scale / spacing
    mean = -np.diff(energy) / spacing
    row = _first((mean < low - slack) | (mean > high + slack))
    if row is not None:
        raise ValueError(
            f"the force is not minus the slope of the energy: from r = {r[row]:g} to "
            f"{r[row + 1]:g} the energies tell {mean[row]:.4g}, the forces are {force[row]:.4g} "
            f"and {force[row + 1]:.4g} (rows {row + 1} and {row + 2})"
        )
    inside = r[:-1, None] + spacing[:, None] * np.linspace(0.2, 0.8, 4)
    between = PairTable(table).force(inside)
    slack += 0.05 * np.ptp(_windows(force, 8), axis=1)
    row = _first(
        np.any((between < (low - slack)[:, None]) | (between > (high + slack)[:, None]), 1)
    )
    if row is not None:
        raise ValueError(
            f"the rows are too far apart to tell the force from r = {r[row]:g} to {r[row + 1]:g}: "
            f"give more, or begin farther out (rows {row + 1} and {row + 2})"
        )
    return rows


def _windows(values: FloatArray, size: int) -> FloatArray:
    """Values of the rows around each space between two rows: (K - 1, size)."""
    padded = np.pad(values, size // 2 - 1, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, size)


def _first(wrong: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(wrong)) if np.any(wrong) else None


#: Rows of distance, energy and force -du/dr, the distances increasing.
Rows = Annotated[
    tuple[tuple[float, float, float], ...],
    Field(min_length=5, max_length=MOST_ROWS),
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
    filled, rows = dict(pairs), 0
    for key, path in table_files(pairs, folder).items():
        table = read_table(path)
        rows += len(table)
        if rows > MOST_ROWS_IN_ALL:
            raise InputError(path, f"brings the rows of all tables above {MOST_ROWS_IN_ALL}")
        filled[key] = pairs[key] | {"table": table}
    return {**content, "pairs": filled}


def table_files(pairs: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Files of the tables that pairs name, by pair; the paths are seen from a folder."""
    return {
        key: folder / pair["table"]
        for key, pair in pairs.items()
        if isinstance(pair, dict) and isinstance(pair.get("table"), str)
    }


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
        """Polynomials in the distance from each row but the last, (K - 1, 6), from power 5 down."""
        r, energy, force = self.rows.T
        h, slope, curvature = np.diff(r), -force, _derivative(r, -force)
        first = slope[:-1], curvature[:-1]
        # what the parabola of the first row leaves at the second, in units of the spacing
        u = np.diff(energy) - first[0] * h - first[1] * h**2 / 2
        s = (np.diff(slope) - first[1] * h) * h
        k = np.diff(curvature) * h**2
        powers = [
            (6 * u - 3 * s + k / 2) / h**5,
            (-15 * u + 7 * s - k) / h**4,
            (10 * u - 4 * s + k / 2) / h**3,
            first[1] / 2,
            first[0],
            energy[:-1],
        ]
        return np.column_stack(powers)

    def energy(self, distances: FloatArray) -> FloatArray:
        """Energy at some distances; infinite inside the first row, 0 from the last on."""
        x, (c5, c4, c3, c2, c1, c0) = self._piece(distances)
        return self._inside(distances, ((((c5 * x + c4) * x + c3) * x + c2) * x + c1) * x + c0)

    def force(self, distances: FloatArray) -> FloatArray:
        """Force -du/dr at some distances; infinite inside the first row, 0 from the last on."""
        x, (c5, c4, c3, c2, c1, _) = self._piece(distances)
        return self._inside(
            distances, -((((5 * c5 * x + 4 * c4) * x + 3 * c3) * x + 2 * c2) * x + c1)
        )

    def _piece(self, distances: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance from the row before, and the six coefficients from there on."""
        row = np.searchsorted(self.rows[:, 0], distances, side="right") - 1
        row = np.clip(row, 0, len(self.pieces) - 1)
        return distances - self.rows[row, 0], np.moveaxis(self.pieces[row], -1, 0)

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


def _derivative(x: FloatArray, values: FloatArray) -> FloatArray:
    """Slope at each point of the polynomial through it and the four nearest in order."""
    points = np.arange(len(x))
    window = np.clip(points - 2, 0, len(x) - 5)[:, None] + np.arange(5)
    own = window == points[:, None]
    apart = x[:, None] - x[window]
    weights = np.empty(window.shape)
    for j in range(5):
        others = np.arange(5) != j
        numerator = np.where(own[:, others], 1.0, apart[:, others]).prod(axis=1)
        weights[:, j] = numerator / (x[window[:, [j]]] - x[window[:, others]]).prod(axis=1)
    weights[own] = 0.0
    weights[own] = -weights.sum(axis=1)  # a constant has no slope
    return np.asarray((weights * values[window]).sum(axis=1))
