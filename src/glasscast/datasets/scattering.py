"""How runs relax: F_s(q, t) and the mean-square displacement, measured as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.metadata import MeasuredRelaxation
from glasscast.datasets.records import TauFrom, WaveNumberFrom
from glasscast.datasets.stages import Stages
from glasscast.errors import SettingsError, ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.correlations import (
    crossing_time,
    mean_squared_displacement,
    self_intermediate_scattering,
    structure_factors,
)

#: Wave number: ``peak``, where S(q) of species A has its first peak, as Bapst et al. and Geo-GNN
#: take it; ``diameter``, 2 pi / sigma_AA, as Shiba et al. (2023), eq. 9; or a number, in 1/sigma.
AskedWave = Literal["peak", "diameter"] | float
#: A time at which F_s is off by more is not taken for a stage.
_NEAR = 0.05
#: Shells in which the peak is looked for: narrow against its width of about 1 / sigma.
_SHELLS = np.arange(0.0, 15.01, 0.25)


class Wave(NamedTuple):
    """Wave number of a scattering function, and where it comes from."""

    q: float
    q_from: WaveNumberFrom


def wave_of(
    asked: AskedWave, positions: FloatArray, types: NDArray[np.int8], box: FloatArray, sigma: float
) -> Wave:
    """Settle the wave number for data, by one of their snapshots.

    Parameters
    ----------
    positions : (N, d) in the box; types : (N,).
    sigma : diameter of species A.

    Raises
    ------
    SettingsError : if it is no positive number, or S(q) has no peak.
    """
    if asked == "diameter":
        return Wave(float(2 * np.pi / sigma), "2 pi / sigma_AA")
    if asked == "peak":
        mine = types == types.min()
        return Wave(first_peak(positions[mine], box), "first peak of S(q)")
    if not (np.isfinite(asked) and asked > 0):
        raise SettingsError(f"the wave number must be positive, got {asked:g}", "wave_number")
    return Wave(float(asked), "given")


def first_peak(positions: FloatArray, box: FloatArray) -> float:
    """Wave number of the first peak of S(q) of some particles, by a parabola through its top.

    Raises
    ------
    SettingsError : if S(q) nowhere rises above 1.
    """
    types = np.zeros(len(positions), dtype=np.int8)
    found = structure_factors(positions, types, box, _SHELLS)[0, 0]
    known = np.isfinite(found)
    x, y = ((_SHELLS[1:] + _SHELLS[:-1]) / 2)[known], found[known]
    above = np.flatnonzero(y > 1)
    if not len(above):
        raise SettingsError("S(q) has no peak; give the wave number as a number", "wave_number")
    end = next((k for k in range(above[0], len(y)) if y[k] <= 1), len(y))
    top = int(above[0] + np.argmax(y[above[0] : end]))
    if not 0 < top < len(y) - 1:
        return float(x[top])
    slope, curvature = (y[top + 1] - y[top - 1]) / 2, y[top + 1] - 2 * y[top] + y[top - 1]
    return float(x[top] - slope / curvature * (x[top + 1] - x[top]))


class RelaxationAccumulator:
    """Running means of F_s and of the squared displacement of one species.

    Parameters
    ----------
    mine : (N,) whether each particle counts.
    wave : wave number.
    rows : number of times.
    """

    def __init__(self, mine: NDArray[np.bool_], wave: Wave, rows: int) -> None:
        self._mine, self._wave = mine, wave
        self._runs = np.zeros(rows)
        self._scattering, self._squared = np.zeros(rows), np.zeros(rows)

    def add(self, row: int, displacement: FloatArray) -> None:
        """Count one run at one time, by its (N, d) displacement without jumps."""
        moved = displacement[self._mine]
        self._runs[row] += 1
        self._scattering[row] += self_intermediate_scattering(moved, self._wave.q)
        self._squared[row] += mean_squared_displacement(moved)

    def result(
        self, times: FloatArray, species: str, tau_alpha: float | None, tau_from: TauFrom | None
    ) -> MeasuredRelaxation | None:
        """Means at the times that have runs; the relaxation time by 1/e where none is told."""
        known = self._runs > 0
        if not known.any():
            return None
        scattering = self._scattering[known] / self._runs[known]
        squared = self._squared[known] / self._runs[known]
        if tau_alpha is None:
            crossing = crossing_time(times[known], scattering)
            tau_alpha = float(f"{crossing:.6g}") if np.isfinite(crossing) else None
            tau_from = None if tau_alpha is None else "1/e"
        return MeasuredRelaxation(
            q=self._wave.q,
            q_from=self._wave.q_from,
            species=species,
            times=tuple(times[known].tolist()),
            scattering=tuple(float(f"{v:.7g}") for v in scattering),
            squared_displacement=tuple(float(f"{v:.7g}") for v in squared),
            tau_alpha=tau_alpha,
            tau_from=tau_from,
        )


def by_scattering(configuration: Configuration, values: Sequence[float]) -> Configuration:
    """Return a configuration with rows where its own F_s(q, t) has fallen to some values.

    Parameters
    ----------
    values : falling.

    Raises
    ------
    ShapeError : if it is not recorded how it relaxes.
    """
    measured = configuration.metadata.relaxation
    if measured is None or not measured.scattering:
        raise ShapeError(
            f"{configuration.name} does not record F_s(q, t); import or simulate its trajectories"
        )
    times, scattering = np.array(measured.times), np.array(measured.scattering)
    rows = [_row_at(configuration, times, scattering, value) for value in values]
    stages = Stages(
        by="scattering",
        values=tuple(values),
        q=measured.q,
        q_from=measured.q_from,
        species=measured.species,
        tau_alpha=measured.tau_alpha,
        tau_from=measured.tau_from,
    )
    return configuration.by_stages(stages, rows)


def _row_at(
    configuration: Configuration, times: FloatArray, scattering: FloatArray, value: float
) -> int | None:
    """Row of the labels nearest to where F_s falls to a value; None where none is near."""
    wanted = crossing_time(times, scattering, value)
    if np.isnan(wanted):  # it has fallen before the first time, or not by the last
        wanted = times[0] if scattering[0] <= value else times[-1]
    known = configuration.times
    row = int(np.argmin(np.abs(np.log(np.maximum(known, 1e-300) / wanted))))
    there = np.interp(np.log(known[row]), np.log(times), scattering)
    return row if abs(there - value) <= _NEAR else None
