"""What can be said of the measured mobility and of the graph of particles without any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.smoothness import smoothness
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import find_neighbours

#: Lengths below which pairs count as edges, in sigma.
THRESHOLDS = np.round(np.arange(1.0, 2.55, 0.1), 10)
_BINS = 10  # of equally many particles, by propensity


@dataclass(frozen=True)
class TrueSmoothness:
    """How smooth the measured propensity of A particles is on their graph of cutoff 2.

    Parameters
    ----------
    times : (T,) of the labels.
    rayleigh, error : (T,) mean Rayleigh quotient and its standard error over configurations.
    propensity, local : (T, 10) means over the tenths of the particles by propensity, of that and
        of the local smoothness.
    correlation : (T,) Pearson's, of propensity and local smoothness.
    """

    times: FloatArray
    rayleigh: FloatArray
    error: FloatArray
    propensity: FloatArray
    local: FloatArray
    correlation: FloatArray

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "rayleigh": _listed(self.rayleigh),
            "local_smoothness_propensity_correlation": _listed(self.correlation),
        }


@dataclass(frozen=True)
class GraphSizes:
    """Edges and triplets of a particle, by the threshold that makes pairs edges.

    Parameters
    ----------
    thresholds : (K,) in sigma.
    edges : (K,) directed edges a particle, its number of neighbours.
    triplets : (K,) ordered pairs of neighbours a particle.
    particles : of a configuration, mean.
    """

    thresholds: FloatArray
    edges: FloatArray
    triplets: FloatArray
    particles: float

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "thresholds": self.thresholds.tolist(),
            "edges_per_particle": _listed(self.edges),
            "triplets_per_particle": _listed(self.triplets),
        }


def true_smoothness(configurations: Sequence[Configuration]) -> TrueSmoothness | None:
    """Smoothness of measured propensities; None without any, or without A particles."""
    known = [c for c in configurations if c.propensity is not None and (c.types == 0).any()]
    if not known:
        return None
    found = [smoothness(c, c.propensity) for c in known if c.propensity is not None]
    rayleigh = np.array([each.rayleigh for each in found])
    local = np.concatenate([each.local for each in found], axis=1)
    values = np.concatenate(
        [c.propensity[:, c.types == 0] for c in known if c.propensity is not None], axis=1
    ).astype(np.float64)
    rows = [_binned(*pair) for pair in zip(values, local, strict=True)]
    count = np.sqrt(max(len(known) - 1, 1))
    return TrueSmoothness(
        times=known[0].times,
        rayleigh=rayleigh.mean(axis=0),
        error=rayleigh.std(axis=0) / count,
        propensity=np.array([row[0] for row in rows]),
        local=np.array([row[1] for row in rows]),
        correlation=np.array([row[2] for row in rows]),
    )


def graph_sizes(configurations: Sequence[Configuration]) -> GraphSizes | None:
    """Count edges and triplets of graphs by threshold; None without configurations."""
    if not configurations:
        return None
    edges, triplets = (np.zeros((len(configurations), len(THRESHOLDS))) for _ in range(2))
    for k, c in enumerate(configurations):
        near = find_neighbours(c.positions, c.box, float(THRESHOLDS[-1]))
        for row, threshold in enumerate(THRESHOLDS):
            degree = np.bincount(near.receivers[near.distances < threshold], minlength=c.size)
            edges[k, row] = degree.mean()
            triplets[k, row] = (degree * (degree - 1.0)).mean()
    sizes = float(np.mean([c.size for c in configurations]))
    return GraphSizes(THRESHOLDS, edges.mean(axis=0), triplets.mean(axis=0), sizes)


def _binned(values: FloatArray, local: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Means of both over tenths of the particles by value, and their correlation."""
    known = np.isfinite(values) & np.isfinite(local)
    values, local = values[known], local[known]
    empty = np.full(_BINS, np.nan)
    if len(values) < _BINS:
        return empty, empty, float("nan")
    order = np.array_split(np.argsort(values, kind="stable"), _BINS)
    varied = np.ptp(values) > 0 and np.ptp(local) > 0
    return (
        np.array([values[part].mean() for part in order]),
        np.array([local[part].mean() for part in order]),
        float(np.corrcoef(values, local)[0, 1]) if varied else float("nan"),
    )


def _listed(values: FloatArray) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
