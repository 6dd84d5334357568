r"""Labels of the same snapshot from several sources, put into one configuration.

A snapshot is found by its positions, particle by particle, where a source has them, else by its
name. Each row in time is given by one source as a whole; where two have it, they must agree: the
mean square of their difference, in units of the sum of their squared errors

.. math:: \chi^2 = \langle (p_i - q_i)^2 \rangle / (e_p^2 + e_q^2),

is 1 for independent runs of the same dynamics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import EQUILIBRIUM_POSITIONS, FIELDS, LABELS
from glasscast.datasets.labels import Labels, distinct_times
from glasscast.datasets.metadata import Definitions, Equilibrium, MeasuredRelaxation, Metadata
from glasscast.datasets.records import EquilibriumField
from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray, minimum_image, wrap

#: Which source gives a row: that of more runs, or of more labels; the other decides between equals.
Preference = Literal["runs", "labels"]
#: Positions of one snapshot differ by less, in sigma: by the digits of a text file.
_SAME = 1e-3
#: chi^2 from which two sources disagree. It fluctuates by a few per cent for thousands of
#: particles; the dynamics of a temperature five per cent off make it several times larger.
_DISAGREE = 2.0


def order_of(snapshot: Configuration, positions: FloatArray) -> NDArray[np.intp] | None:
    """Tell which row of some positions each particle of a snapshot is; None if it is another.

    Parameters
    ----------
    positions : (N, d), anywhere; they need not be in the order of the snapshot.

    Returns
    -------
    (N,) indices: ``positions[order]`` are those of the snapshot.
    """
    from scipy.spatial import cKDTree

    if positions.shape != snapshot.positions.shape:
        return None
    box = snapshot.box
    moved = minimum_image(positions - snapshot.positions, box)
    if np.abs(moved).max(initial=0) < _SAME:
        return np.arange(len(positions))
    first = minimum_image(positions[0] - snapshot.positions, box)
    if (first**2).sum(axis=1).min() > _SAME**2:  # nearly all others are refused by this alone
        return None
    distance, order = cKDTree(wrap(positions, box), boxsize=box).query(snapshot.positions)
    one_to_one = len(np.unique(order)) == len(order)
    return order if distance.max() < _SAME and one_to_one else None


@dataclass(frozen=True)
class Row:
    """Where the labels of one time come from.

    Parameters
    ----------
    time : of the row.
    source, row : that give it.
    dropped : other sources that have it.
    """

    time: float
    source: int
    row: int
    dropped: tuple[int, ...]


def chosen_rows(sources: Mapping[int, Labels], prefer: Preference) -> list[Row]:
    """Choose which source gives each time that any has, in order of time.

    Parameters
    ----------
    sources : by number; of equals the lowest gives the row.

    Raises
    ------
    ShapeError : if one does not tell the number of its runs.
    """
    for labels in sources.values():
        if labels.runs is None and len(labels.times):
            raise ShapeError(
                f"{labels.name}: a source does not tell how many runs its labels are means of",
                "runs",
            )
    times = distinct_times(t for labels in sources.values() for t in labels.times)
    return [row for time in times if (row := _chosen(sources, time, prefer)) is not None]


def _chosen(sources: Mapping[int, Labels], time: float, prefer: Preference) -> Row | None:
    having: dict[int, tuple[tuple[int, int], int]] = {}
    for number, labels in sources.items():
        row = labels.row_of(time)
        if row is not None and (known := len(labels.known(row))):
            assert labels.runs is not None
            worth = int(labels.runs[row]), known
            having[number] = (worth if prefer == "runs" else worth[::-1]), row
    if not having:
        return None
    best = max(having, key=lambda number: (having[number][0], -number))
    row = having[best][1]
    others = tuple(number for number in having if number != best)
    return Row(float(sources[best].times[row]), best, row, others)


def disagreement(a: Labels, b: Labels, time: float) -> float | None:
    """Mean square difference of two propensities in units of their errors, 1 by chance alone.

    Returns
    -------
    None where a propensity is missing, or no halves tell how far single runs scatter.
    """
    rows = a.row_of(time), b.row_of(time)
    if rows[0] is None or rows[1] is None or a.runs is None or b.runs is None:
        return None
    if any("propensity" not in each.known(row) for each, row in ((a, rows[0]), (b, rows[1]))):
        return None
    runs = float(a.runs[rows[0]]), float(b.runs[rows[1]])
    scatters = [s for s in (_scatter(a, rows[0]), _scatter(b, rows[1])) if s is not None]
    if not scatters:
        return None
    error = np.mean(scatters) * (1 / runs[0] + 1 / runs[1])
    difference = a.fields["propensity"][rows[0]] - b.fields["propensity"][rows[1]]
    return float(np.mean(np.square(difference, dtype=np.float64)) / error)


def _scatter(labels: Labels, row: int) -> float | None:
    """Variance of a single run's displacement, as the halves tell it."""
    halves = labels.fields.get("propensity_halves")
    if halves is None or labels.runs is None or not np.isfinite(halves[:, row]).all():
        return None
    runs = int(labels.runs[row])
    if runs < 2:
        return None
    shares = 1 / (runs - runs // 2) + 1 / (runs // 2)
    return float(np.mean(np.square(halves[0, row] - halves[1, row], dtype=np.float64)) / shares)


def check_agreement(sources: Mapping[int, Labels], rows: Sequence[Row]) -> dict[float, float]:
    """Compare what gives each row with what is dropped.

    Returns
    -------
    Time -> largest disagreement, where any could be told.

    Raises
    ------
    ShapeError : naming time and snapshot, if two differ by more than their errors.
    """
    found: dict[float, float] = {}
    for row in rows:
        for other in row.dropped:
            ratio = disagreement(sources[row.source], sources[other], row.time)
            if ratio is None:
                continue
            if ratio > _DISAGREE:
                raise ShapeError(
                    f"{sources[row.source].name}: at t = {row.time:g} the propensities of two "
                    f"sources differ by {ratio**0.5:.3g} times their errors; they are not of the "
                    "same dynamics, or not in the same order of particles"
                )
            found[row.time] = max(ratio, found.get(row.time, 0.0))
    return found


def joined_configuration(
    sources: Mapping[int, Labels], rows: Sequence[Row], times: FloatArray
) -> Configuration:
    """Put the rows that several sources give into the snapshot of the first.

    Parameters
    ----------
    sources : in the order of particles of the first, which has the whole snapshot.
    rows : which of their rows are taken.
    times : (T,) of the result; what no source gives is NaN there.

    Raises
    ------
    ShapeError : if two name other pairs of particles.
    """
    first, *others = (s.snapshot for s in sources.values() if s.snapshot is not None)
    bonds = [c.bonds for c in (first, *others) if c.bonds is not None]
    if any(not np.array_equal(pairs, bonds[0]) for pairs in bonds):
        raise ShapeError(
            f"{first.name}: two sources name other pairs of particles; labels of pairs must be "
            "of the same cutoff"
        )
    runs = np.zeros(len(times), dtype=np.int32)
    fields: dict[str, NDArray[np.float32]] = {}
    for row in rows:
        labels, place = sources[row.source], int(np.argmin(np.abs(times - row.time)))
        if labels.runs is not None:
            runs[place] = labels.runs[row.row]
        for key in labels.known(row.row):
            axis, values = FIELDS[key].shape.index("T"), labels.fields[key]
            shape = (*values.shape[:axis], len(times), *values.shape[axis + 1 :])
            whole = fields.setdefault(key, np.full(shape, np.nan, dtype=np.float32))
            np.moveaxis(whole, axis, 0)[place] = np.take(values, row.row, axis=axis)
    pairs = bonds[0] if "bond_change" in fields else None
    unrowed = {
        k: v for k, v in first.added.items() if v.shape[:2] != (len(first.times), first.size)
    }
    return first.with_fields(
        **dict.fromkeys(LABELS) | {**fields, **_missing_positions(first, others)},
        bonds=pairs,
        times=times,
        runs=runs,
        added=unrowed,
        metadata=_joined_metadata(first, others),
    )


def _missing_positions(
    first: Configuration, others: Sequence[Configuration]
) -> dict[str, FloatArray]:
    """Equilibrium positions that only another has."""
    return {
        key: next(v for other in others if (v := getattr(other, key)) is not None)
        for key in EQUILIBRIUM_POSITIONS
        if getattr(first, key) is None and any(getattr(o, key) is not None for o in others)
    }


def _joined_curves(curves: Sequence[MeasuredRelaxation]) -> MeasuredRelaxation | None:
    """Put together what was measured at the wave number of the first; of each time the first."""
    measured = next((m for m in curves if m.scattering), curves[0] if curves else None)
    if measured is None or measured.q is None:
        return measured
    alike = [m for m in curves if m.q is not None and np.isclose(m.q, measured.q, rtol=1e-4)]
    found: dict[float, tuple[float, float]] = {}
    for m in (c for c in alike if c.species in (measured.species, None)):
        for time, scattering, squared in zip(
            m.times, m.scattering, m.squared_displacement, strict=False
        ):
            if not any(np.isclose(time, known, rtol=1e-3, atol=0) for known in found):
                found[time] = scattering, squared
    times = sorted(found)
    return measured.model_copy(
        update={
            "times": tuple(times),
            "scattering": tuple(found[t][0] for t in times),
            "squared_displacement": tuple(found[t][1] for t in times),
        }
    )


def _joined_metadata(first: Configuration, others: Sequence[Configuration]) -> Metadata:
    """All that is known; of what several tell, the first counts."""
    told = first.metadata
    made: dict[EquilibriumField, Equilibrium] = {}
    records = dict(told.records)
    definitions: dict[str, Any] = {}
    for c in (*reversed(others), first):
        made |= c.equilibrium
        definitions |= c.metadata.definitions.model_dump(exclude_none=True)
    for c in others:
        evidence = {k: v for k, v in c.metadata.records.items() if k in EQUILIBRIUM_POSITIONS}
        records = evidence | records
    curves = [m for c in (first, *others) if (m := c.metadata.relaxation) is not None]
    measured = _joined_curves(curves)
    if measured is not None:
        tau = next((m for m in curves if m.tau_alpha is not None), measured)
        measured = measured.model_copy(
            update={"tau_alpha": tau.tau_alpha, "tau_from": tau.tau_from}
        )
    return told.changed(
        equilibrium=made,
        records=records,
        relaxation=measured,
        definitions=Definitions(**definitions),
    )
