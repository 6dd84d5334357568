r"""What single runs tell beyond their means: overlap, its susceptibility, and directions.

With :math:`w = 1` for a displacement shorter than a threshold, else 0, the overlap of a run is
:math:`Q(t) = N^{-1} \sum_i w(|\mathbf u_i(t)|)`, and over runs and configurations

.. math:: \chi_4(t) = N \left[ \langle Q^2 \rangle - \langle Q \rangle^2 \right].

References
----------
Lačević, Starr, Schrøder and Glotzer, J. Chem. Phys. 119, 7372 (2003): overlap and susceptibility.
Jiang, Tian, Li, Hu, arXiv:2407.06111 (2024), figure 9a: directions of one particle over runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.frames import Ensemble
from glasscast.datasets.metadata import MeasuredRelaxation, species_names
from glasscast.datasets.scattering import RelaxationAccumulator, Wave
from glasscast.errors import ShapeError
from glasscast.evaluation.susceptibility import MOBILE, four_point_susceptibility
from glasscast.liquid.box import FloatArray

#: Bins of the cosine between two runs.
_EDGES = np.linspace(-1.0, 1.0, 21)


@dataclass(frozen=True)
class SingleParticle:
    """Directions of one particle, run by run.

    Parameters
    ----------
    configuration, index : the particle.
    directions : (T, R, d) of unit length; NaN where it did not move or there is no such run.
    """

    configuration: str
    index: int
    directions: FloatArray


@dataclass(frozen=True)
class RunStatistics:
    """Statistics over the runs of a dataset, of species A.

    Parameters
    ----------
    times : (T,)
    runs : of one configuration, the fewest.
    overlap : (T,) mean Q.
    susceptibility : (T,) chi_4; NaN where it takes more runs.
    threshold : of the overlap, in sigma.
    cosine : (T,) mean cosine between the displacements of one particle in two runs; 0 for
        independent directions.
    edges, histogram : (B + 1,) and (T, B) density of that cosine; 0 without two runs.
    particle : the one that goes most the same way at the middle time, in the first configuration.
    """

    times: FloatArray
    runs: int
    overlap: FloatArray
    susceptibility: FloatArray
    threshold: float
    cosine: FloatArray
    edges: FloatArray
    histogram: FloatArray
    particle: SingleParticle

    def record(self) -> dict[str, Any]:
        """Return JSON values, unknown ones as null."""
        known = {
            "times": self.times,
            "overlap": self.overlap,
            "susceptibility": self.susceptibility,
            "cosine": self.cosine,
        }
        plain = {
            key: [None if np.isnan(v) else float(v) for v in values]
            for key, values in known.items()
        }
        return {"threshold": self.threshold, "runs": self.runs} | plain


@dataclass
class RunEvaluation:
    """Gathers the runs of one configuration after the other; keeps no displacement.

    Parameters
    ----------
    wave : wave number of the scattering function.
    threshold : of the overlap, in sigma.
    """

    wave: Wave
    threshold: float = MOBILE
    relaxations: list[MeasuredRelaxation] = field(default_factory=list)
    _overlaps: list[FloatArray] = field(default_factory=list)
    _cosines: list[FloatArray] = field(default_factory=list)
    _counts: list[FloatArray] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _particle: SingleParticle | None = None
    _times: FloatArray = field(default_factory=lambda: np.empty(0))

    def add(self, ensemble: Ensemble) -> None:
        """Take the runs of one configuration; not if their times are others than of the first."""
        parent = ensemble.parent
        first = int(parent.types.min())
        mine = parent.types == first
        if not self._sizes:
            self._times = ensemble.times
        if not np.array_equal(self._times, ensemble.times):
            return
        self._sizes.append(int(mine.sum()))
        told = ensemble.metadata.get("species") or species_names(
            first + 1, ensemble.metadata.get("liquid")
        )
        relaxation = RelaxationAccumulator(mine, self.wave, len(self._times))
        runs = [_Row() for _ in self._times]
        every: list[list[tuple[int, FloatArray]]] = [[] for _ in self._times]
        for frame in ensemble.frames():
            moved = np.asarray(frame.positions - parent.positions, dtype=np.float64)
            relaxation.add(frame.row, moved)
            unit = runs[frame.row].add(moved[mine], self.threshold)
            if self._particle is None:
                every[frame.row].append((frame.run, unit))
        measured = relaxation.result(self._times, str(told[first]), None, None)
        if measured is not None:
            self.relaxations.append(measured)
        fewest = min(len(row.overlaps) for row in runs)
        self._overlaps.append(np.array([row.overlaps[:fewest] for row in runs]).T)
        self._cosines.append(np.array([row.mean_cosine() for row in runs]))
        self._counts.append(np.array([row.histogram for row in runs]))
        if self._particle is None:
            self._particle = _most_directed(ensemble.name, np.flatnonzero(mine), every)

    def result(self) -> RunStatistics:
        """Put all together.

        Raises
        ------
        ShapeError : if there was no configuration.
        """
        if self._particle is None:
            raise ShapeError("no runs to look at")
        overlaps = np.concatenate(self._overlaps)
        counts = np.sum(self._counts, axis=0)
        widths = np.diff(_EDGES) * np.maximum(counts.sum(axis=1, keepdims=True), 1)
        chi4 = np.full(len(self._times), np.nan)
        if len(overlaps) > 1:
            size = float(np.mean(self._sizes))
            chi4 = four_point_susceptibility(overlaps * size, size)[0]
        return RunStatistics(
            times=self._times,
            runs=min(len(found) for found in self._overlaps),
            overlap=overlaps.mean(axis=0),
            susceptibility=chi4,
            threshold=self.threshold,
            cosine=np.mean(self._cosines, axis=0),
            edges=_EDGES,
            histogram=counts / widths,
            particle=self._particle,
        )


@dataclass
class _Row:
    """Runs of one configuration at one time."""

    overlaps: list[float] = field(default_factory=list)
    histogram: FloatArray = field(default_factory=lambda: np.zeros(len(_EDGES) - 1))
    _sum: FloatArray | None = None
    _moving: FloatArray | None = None
    _last: FloatArray | None = None

    def add(self, moved: FloatArray, threshold: float) -> FloatArray:
        """Count the (n, d) displacements of one run; gives their directions."""
        lengths = np.linalg.norm(moved, axis=1)
        self.overlaps.append(float(np.mean(lengths < threshold)))
        unit = np.full(moved.shape, np.nan)
        np.divide(moved, lengths[:, None], out=unit, where=lengths[:, None] > 0)
        known = np.nan_to_num(unit)
        self._sum = known if self._sum is None else self._sum + known
        moving = (lengths > 0).astype(float)
        self._moving = moving if self._moving is None else self._moving + moving
        if self._last is not None:
            cosines = np.clip(np.einsum("nd,nd->n", unit, self._last), -1.0, 1.0)
            self.histogram += np.histogram(cosines[np.isfinite(cosines)], _EDGES)[0]
        self._last = unit
        return unit

    def mean_cosine(self) -> float:
        """Mean over particles and all pairs of runs; NaN for a single run."""
        assert self._sum is not None
        assert self._moving is not None
        pairs = self._moving * (self._moving - 1)
        both = np.sum(self._sum**2, axis=1) - self._moving
        return float(np.mean(both[pairs > 0] / pairs[pairs > 0])) if np.any(pairs > 0) else np.nan


def _most_directed(
    name: str, indices: NDArray[np.intp], every: list[list[tuple[int, FloatArray]]]
) -> SingleParticle:
    """Pick the particle whose directions agree best at the middle time."""
    middle = np.array([unit for _, unit in every[len(every) // 2]])
    chosen = int(np.argmax(np.linalg.norm(np.nan_to_num(middle).mean(axis=0), axis=-1)))
    count = 1 + max(run for row in every for run, _ in row)
    directions = np.full((len(every), count, middle.shape[-1]), np.nan)
    for row, units in enumerate(every):
        for run, unit in units:
            directions[row, run] = unit[chosen]
    return SingleParticle(name, int(indices[chosen]), directions)


def evaluate_runs(
    ensembles: Iterable[Ensemble], wave: Wave, threshold: float = MOBILE
) -> tuple[list[MeasuredRelaxation], RunStatistics]:
    """Measure how configurations relax, and what their single runs tell.

    Parameters
    ----------
    ensembles : with runs of the same times.
    """
    evaluation = RunEvaluation(wave, threshold)
    for ensemble in ensembles:
        evaluation.add(ensemble)
    return evaluation.relaxations, evaluation.result()
