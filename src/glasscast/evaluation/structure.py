"""How a liquid is built: g(r) and S(k) of each pair of species, means over configurations."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.relaxation import MeanCurve
from glasscast.liquid.box import FloatArray
from glasscast.liquid.correlations import radial_distributions, structure_factors
from glasscast.liquid.interactions import species_name

#: Edges of the bins of distance, in sigma, and of wavenumber, in 1/sigma.
DISTANCES = np.linspace(0.0, 5.0, 251)
WAVENUMBERS = np.linspace(0.0, 15.0, 151)
#: Particles that are enough: their structure hardly differs from one configuration to the next.
MOST_PARTICLES = 100_000


@dataclass(frozen=True)
class Structure:
    """How the liquid is built, by pairs of species, ``A-A``, ``A-B``, ...

    Parameters
    ----------
    configurations : averaged over.
    radial : pair -> g(r), distances in sigma.
    static : pair -> S(k), wavenumbers in 1/sigma.
    """

    configurations: int
    radial: dict[str, MeanCurve]
    static: dict[str, MeanCurve]

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "configurations": self.configurations,
            "radial_distribution": {pair: _points(c, "r", "g") for pair, c in self.radial.items()},
            "structure_factor": {pair: _points(c, "k", "S") for pair, c in self.static.items()},
        }


class StructureMeans:
    """Accumulates configurations, spread evenly over a dataset, until there are particles enough.

    Parameters
    ----------
    number : of configurations in the dataset.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._seen = self._counted = 0
        self._radial: dict[str, list[FloatArray]] = defaultdict(list)
        self._static: dict[str, list[FloatArray]] = defaultdict(list)

    def add(self, configuration: Configuration) -> None:
        """Count pairs and waves, if it is this one's turn; bins beyond half its box stay NaN."""
        c, turn = configuration, self._seen
        self._seen += 1
        enough = max(1, MOST_PARTICLES // c.size)
        if turn % -(-self.number // enough):
            return
        self._counted += 1
        edges = DISTANCES[: np.searchsorted(DISTANCES, c.box.min() / 2, side="right")]
        beyond = np.full(len(DISTANCES) - len(edges), np.nan)
        for pair, values in radial_distributions(c.positions, c.types, c.box, edges).items():
            self._radial[_pair_name(pair)].append(np.append(values, beyond))
        for pair, values in structure_factors(c.positions, c.types, c.box, WAVENUMBERS).items():
            self._static[_pair_name(pair)].append(values)

    def result(self) -> Structure | None:
        """Means of all that was counted."""
        if not self._counted:
            return None
        radial = {pair: _mean_curve(DISTANCES, found) for pair, found in self._radial.items()}
        static = {pair: _mean_curve(WAVENUMBERS, found) for pair, found in self._static.items()}
        return Structure(self._counted, radial, static)


def first_peak(curve: MeanCurve) -> float:
    """Place of the highest value where a curve first rises above 1; NaN if it never does."""
    above = curve.mean > 1
    if not above.any():
        return math.nan
    begin = int(np.argmax(above))
    width = int(np.argmin(above[begin:])) or len(above) - begin
    return float(curve.x[begin + int(np.argmax(curve.mean[begin : begin + width]))])


def _points(curve: MeanCurve, x: str, y: str) -> dict[str, Any]:
    peak = first_peak(curve)
    return {
        "first_peak": None if math.isnan(peak) else peak,
        x: curve.x.round(6).tolist(),
        y: curve.mean.tolist(),
        "error": curve.error.tolist(),
    }


def _pair_name(pair: tuple[int, int]) -> str:
    return "-".join(map(species_name, pair))


def _mean_curve(edges: FloatArray, samples: Sequence[FloatArray]) -> MeanCurve:
    """Curve over the bins that have a value in every sample."""
    known = np.isfinite(samples).all(axis=0)
    middles = (edges[1:] + edges[:-1]) / 2
    return MeanCurve.of(middles[known], np.array(samples)[:, known])
