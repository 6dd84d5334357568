r"""Runs read backwards: the end of each is a configuration with the label of one trajectory.

Newton's equations are reversible, and in equilibrium the velocities at the end of a run are
Maxwell-Boltzmann again. The run from its end back to its start is therefore one trajectory of the
isoconfigurational ensemble of its end, and R runs from one parent are R further configurations.

What such a label is worth is told by the runs read forward: with :math:`x_{ir}` the distance moved
by particle i in run r, :math:`s^2` the variance over runs, mean over particles, and V the variance
over particles of the mean over R runs, the signal has the variance :math:`S = V - s^2 / R`, and a
single run the reliability

.. math:: \rho = \frac{S}{S + s^2},

the square of its correlation with the propensity.

All this is true in equilibrium alone. There the potential energy, known where the liquid is, does
not change from the starts to the ends; :mod:`glasscast.datasets.stationarity` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.frames import Ensemble, RunFrame
from glasscast.datasets.stationarity import Drift, drift_from_starts
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, minimum_image
from glasscast.liquid.definition import load_liquid

#: Runs of each start whose energies are compared with it: more would hardly tell more.
_ENOUGH = 8


@dataclass
class ReversedRuns:
    """Reads the ensembles of an import backwards, and gathers what their labels are worth.

    Parameters
    ----------
    ends : only the ends of runs are configurations; else each of their frames is one, with a
        label at the time it took to get there.
    liquid : name or file, for the energies; None: that of the files.
    """

    ends: bool = True
    liquid: str | None = None
    _worth: dict[tuple[str, float], _Worth] = field(default_factory=dict)
    _energies: list[tuple[float, list[float]]] = field(default_factory=list)

    def read(self, ensemble: Ensemble) -> Iterator[Ensemble]:
        """Yield the ensembles of one run each that end where the given one began.

        Raises
        ------
        InputError : if it holds no trajectories, or is not their parent.
        """
        path = ensemble.sources[0]
        if not len(ensemble.times) or "propensity" in ensemble.labels:
            raise InputError(
                path, "holds no trajectories that could be read backwards", "", "reading"
            )
        last, parent = len(ensemble.times) - 1, ensemble.parent
        rows = [last] if self.ends else list(range(last + 1))
        times, root = ensemble.times[rows], ensemble.snapshot().fingerprint()[:16]
        sums: dict[int, _Sums] = {row: _Sums() for row in rows}
        energy = _energy_of(ensemble, self.liquid)
        at_ends: list[float] = []
        for frame in ensemble.frames():
            if frame.row not in sums:
                continue
            if ensemble.wrapped:
                moved = minimum_image(frame.positions - parent.positions, parent.box)
                frame = frame._replace(positions=parent.positions + moved)
            sums[frame.row].add(frame.positions - parent.positions)
            if energy is not None and frame.row == last and len(at_ends) < _ENOUGH:
                at_ends.append(energy(frame.positions))
            lag = float(ensemble.times[frame.row])
            yield _reversed(ensemble, frame, times, lag, root)
        if energy is not None:
            self._energies.append((energy(parent.positions), at_ends))
        names = ensemble.snapshot().species_names
        for row, found in sums.items():
            for species in np.unique(parent.types):
                key = names[species], float(ensemble.times[row])
                self._worth.setdefault(key, _Worth()).add(found, parent.types == species)

    def drift(self) -> Drift | None:
        """Change of the potential energy per particle from starts to ends; None: not known."""
        return drift_from_starts(*zip(*self._energies, strict=True)) if self._energies else None

    @property
    def remarks(self) -> list[str]:
        """What is wrong with the runs."""
        drift = self.drift()
        if drift is None or not drift.is_one:
            return []
        return [
            f"the runs are not stationary: the potential energy changes by {drift.change:.3g} "
            f"(error {drift.error:.2g}) from their starts to their ends; read backwards, labels "
            "are right in equilibrium alone"
        ]

    def record(self) -> dict[str, Any]:
        """Say whether the runs are stationary, as JSON values."""
        drift = self.drift()
        return {
            "stationary": None if drift is None else not drift.is_one,
            "drifts": {} if drift is None else {"energy": drift.record()},
        }

    def reliability(self) -> dict[str, dict[str, float]]:
        """Reliability of a single run's propensity: species -> time -> the share of signal."""
        found: dict[str, dict[str, float]] = {}
        for (species, time), worth in sorted(self._worth.items()):
            if worth.runs > 1:
                found.setdefault(species, {})[f"{time:g}"] = round(worth.reliability(), 3)
        return found


def _energy_of(ensemble: Ensemble, liquid: str | None) -> Callable[[FloatArray], float] | None:
    """Return what measures the mean potential energy of positions; None of unknown liquids."""
    name = liquid or ensemble.metadata.get("liquid")
    if name is None:
        return None
    known, parent = load_liquid(str(name)), ensemble.parent

    def energy(positions: FloatArray) -> float:
        return float(np.mean(known.energies(positions, parent.types, parent.box)))

    return energy


def _reversed(
    ensemble: Ensemble,
    frame: RunFrame,
    times: FloatArray,
    lag: float,
    root: str,
) -> Ensemble:
    parent = ensemble.parent
    mark = f"-t{lag:g}".replace(".", "p") if len(times) > 1 else ""
    here = replace(parent, positions=frame.positions, absolute=True, step=None, time=None)
    row = int(np.argmin(np.abs(times - lag)))
    back = RunFrame(row, 0, parent.positions, frame.source)
    return Ensemble(
        name=f"{ensemble.name}-run-{frame.run:02d}{mark}",
        sources=ensemble.sources,
        parent=here,
        times=times,
        frames=partial(iter, (back,)),
        partial=True,
        metadata=dict(ensemble.metadata)
        | {
            "origin": {
                "kind": "reversed",
                "parent": ensemble.name,
                "root": root,
                "run": frame.run,
                "time": lag,
            }
        },
    )


@dataclass
class _Sums:
    """Distances moved in the runs of one ensemble: number of runs, (N,) sums and squares."""

    runs: int = 0
    total: FloatArray | float = 0.0
    squares: FloatArray | float = 0.0

    def add(self, moved: FloatArray) -> None:
        distance = np.linalg.norm(moved, axis=1)
        self.runs += 1
        self.total = self.total + distance
        self.squares = self.squares + distance**2


@dataclass
class _Worth:
    """Variances of one species and time, summed over ensembles."""

    runs: int = 0
    signal: float = 0.0
    noise: float = 0.0

    def add(self, sums: _Sums, mine: NDArray[np.bool_]) -> None:
        if sums.runs < 2:
            return
        mean = np.asarray(sums.total)[mine] / sums.runs
        spread = np.asarray(sums.squares)[mine] / sums.runs - mean**2
        noise = float(spread.mean()) * sums.runs / (sums.runs - 1)
        self.runs = max(self.runs, sums.runs)
        self.noise += noise
        self.signal += float(mean.var()) - noise / sums.runs

    def reliability(self) -> float:
        signal = max(self.signal, 0.0)
        return signal / (signal + self.noise) if signal + self.noise > 0 else 0.0
