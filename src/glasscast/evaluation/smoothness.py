r"""Smoothness of a field of mobility on the graph of the particles.

The graph joins particles of one species that are closer than a cutoff; its Laplacian is
:math:`L = D - A`. Global smoothness is the Rayleigh quotient

.. math:: R = \frac{x^T L x}{x^T x} = \frac{\sum_{(i,j)} (x_i - x_j)^2}{\sum_i x_i^2},

each pair counted once (eq. 1 of the reference writes its right-hand side with each pair counted
twice; the quotient itself, used here, is half of that). Low means that neighbours move alike.
Local smoothness is the mean relative deviation of a particle from its neighbours (eq. 2),

.. math:: \lambda_i = \frac{1}{d_i} \sum_{j \in \mathcal N_i} \frac{x_i - x_j}{x_j}.

References
----------
Jiang, Tian, Li and Hu, J. Chem. Phys. 159 (14) (2023), Methods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.times import listed
from glasscast.errors import ShapeError
from glasscast.evaluation.correlation import PairMoments
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import Neighbours, find_neighbours
from glasscast.models.forecast import ModelForecast


@dataclass(frozen=True, eq=False)
class Smoothness:
    """Smoothness of a field at each time.

    Parameters
    ----------
    rayleigh : (T,) Rayleigh quotients.
    local : (T, n) local smoothness of the n particles of the species.
    """

    rayleigh: FloatArray
    local: FloatArray


@dataclass(frozen=True, eq=False)
class SmoothnessComparison:
    """Smoothness of truth and forecast of one configuration at the times both have.

    Parameters
    ----------
    times : (T,)
    true, predicted : each a :class:`Smoothness` with (T, ...) arrays.
    local_pearson : (T,) correlation of true and predicted local smoothness; NaN if undefined.
    """

    times: FloatArray
    true: Smoothness
    predicted: Smoothness
    local_pearson: FloatArray


def rayleigh_quotient(edges: Neighbours, signal: FloatArray) -> float:
    """Rayleigh quotient of one signal, as a sum over pairs: exact zero for a constant.

    Parameters
    ----------
    edges : both directions of each pair.
    signal : (n,) value of each node.

    Returns
    -------
    float, at least 0; NaN for the zero signal.
    """
    steps = signal[edges.receivers] - signal[edges.senders]
    norm = float(signal @ signal)
    return float(steps @ steps) / 2 / norm if norm > 0 else np.nan


def local_smoothness(edges: Neighbours, signal: FloatArray) -> FloatArray:
    """Mean relative deviation of each node from its neighbours.

    Parameters
    ----------
    edges : sorted by receiver, both directions.
    signal : (n,) value of each node.

    Returns
    -------
    (n,) float64; NaN for a node without neighbours or with one whose value is 0.
    """
    inverse = np.full(signal.shape, np.nan)
    np.divide(1.0, signal, out=inverse, where=signal != 0)
    degree = np.diff(edges.offsets)
    total = np.bincount(edges.receivers, weights=inverse[edges.senders], minlength=len(signal))
    mean = np.full(signal.shape, np.nan)
    np.divide(total, degree, out=mean, where=degree > 0)
    return np.asarray(signal * mean - 1.0)


def smoothness(
    configuration: Configuration,
    values: NDArray[np.floating],
    *,
    species: int = 0,
    cutoff: float = 2.0,
    structure: str = "positions",
) -> Smoothness:
    """Smoothness of a field on the graph of one species.

    Parameters
    ----------
    configuration : where the particles are.
    values : (T, N) field, e.g. propensity, all species; only one species is used.
    species : 0 = A.
    cutoff : graph cutoff in sigma.
    structure : field of Configuration that holds the positions.

    Raises
    ------
    ShapeError : if ``values`` does not fit or the species is absent.
    """
    if values.ndim != 2 or values.shape[1] != configuration.size:
        raise ShapeError(f"'values' must have shape (T, {configuration.size}), got {values.shape}")
    chosen = configuration.types == species
    if not chosen.any():
        raise ShapeError(f"{configuration.name}: no particle of species {species}")
    positions = configuration.structure(structure)
    edges = find_neighbours(positions[chosen], configuration.box, cutoff)
    signals = np.asarray(values[:, chosen], dtype=np.float64)
    return Smoothness(
        np.array([rayleigh_quotient(edges, signal) for signal in signals]),
        np.array([local_smoothness(edges, signal) for signal in signals]).reshape(signals.shape),
    )


def compare_smoothness(
    forecast: ModelForecast, truth: Configuration, *, species: int = 0, cutoff: float = 2.0
) -> SmoothnessComparison:
    """Smoothness of truth and forecast side by side.

    Raises
    ------
    ShapeError : if the truth lacks the target or a time of the forecast.
    """
    measured = getattr(truth, forecast.target)
    if measured is None:
        raise ShapeError(f"{truth.name}: has no '{forecast.target}' to compare with")
    found = dict(forecast.shared_rows(truth))
    absent = [value for row, value in enumerate(forecast.times) if row not in found]
    if absent:
        raise ShapeError(f"{truth.name}: was not measured at {listed(absent)}")
    rows = list(found.values())
    true = smoothness(truth, measured[rows], species=species, cutoff=cutoff)
    predicted = smoothness(truth, forecast.values, species=species, cutoff=cutoff)
    defined = np.isfinite(true.local).all(axis=0)  # isolated particles have no local value
    correlation = np.full(len(rows), np.nan)
    if defined.any():
        moments = PairMoments.of(predicted.local[:, defined], true.local[:, defined])
        correlation = moments.pearson()[0]
    return SmoothnessComparison(forecast.times, true, predicted, correlation)
