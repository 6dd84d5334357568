r"""What labels of few trajectories weigh beside those of many.

The label of a particle is the mean over R runs: its propensity plus an error of variance
:math:`\sigma^2 / R`, which is independent from particle to particle and of mean zero. A forecast
misses the label by that error and by what the model cannot explain, of variance m. Least squares
is at its best where each label weighs the inverse of both,

.. math:: w(R) \propto \frac{1}{m + \sigma^2 / R} \propto \frac{1}{1 + k / R},
          \qquad k = \sigma^2 / m.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray

#: Number of runs behind each row of labels; see :func:`runs_of`.
Runs = tuple[int, ...]
#: Labels that do not tell their runs are taken for an ensemble of many.
UNKNOWN = 1_000_000
#: m in units of the signal's variance, before anything was trained: models of glassy dynamics leave
#: a third to two thirds unexplained.
UNEXPLAINED = 0.5
#: The signal is not taken for less than this share of the variance of the best labels.
_LEAST_SIGNAL = 0.05


def runs_of(configuration: Configuration, label: str) -> Runs:
    """Trajectories behind each row of a label; 0 where it has no values."""
    known = configuration.known_rows(label)
    told = np.full(len(known), UNKNOWN) if configuration.runs is None else configuration.runs
    return tuple(np.where(known, told, 0).tolist())


def weights_of(runs: Iterable[int], noise: float) -> dict[int, float]:
    """Weights 1 / (1 + k / R) by number of runs, the largest 1; 0 for no runs.

    Parameters
    ----------
    noise : k, variance of a single run's label over what the model leaves unexplained.
    """
    return _scaled({r: 1 / (1 + noise / r) if r else 0.0 for r in runs})


def _scaled(weights: Mapping[int, float]) -> dict[int, float]:
    largest = max(weights.values(), default=0.0) or 1.0
    return {runs: weight / largest for runs, weight in weights.items()}


def row_weights(
    runs: NDArray[Any], noise: FloatArray | float, most: NDArray[Any] | float
) -> FloatArray:
    """Weights as :func:`weights_of` gives them, in arrays that go together.

    Parameters
    ----------
    runs : behind labels; 0: none.
    noise : k.
    most : runs that weigh 1.
    """
    found = (1 + noise / np.maximum(most, 1)) / (1 + noise / np.maximum(runs, 1))
    return np.asarray(np.where(runs > 0, found, 0.0))


def mostly_noise(runs: NDArray[Any], noise: FloatArray) -> NDArray[np.bool_]:
    """Whether the error of labels exceeds their signal; of those of one run it is assumed."""
    return np.asarray((runs == 1) | (UNEXPLAINED * noise > runs)) & (runs > 0)


def signal_and_noise(
    runs: NDArray[Any], variance: FloatArray, count: FloatArray
) -> tuple[float, float]:
    r"""Variances S of the propensity and :math:`\sigma^2` of a single run's label.

    The labels of a configuration vary over its particles by :math:`S + \sigma^2 / R`; the line
    through the variances against 1 / R gives both.

    Parameters
    ----------
    runs : (C,) behind the labels of each configuration, at least 1.
    variance : (C,) of its labels.
    count : (C,) of its particles.

    Returns
    -------
    S and :math:`\sigma^2`; the mean variance and 0 where all have the same number of runs.
    """
    mean = float(np.average(variance, weights=count))
    if len(np.unique(runs)) < 2:
        return mean, 0.0
    # A variance is known to a share of itself.
    trust = np.sqrt(count) / np.maximum(variance, 1e-300)
    columns = np.stack([np.ones(len(runs)), 1 / runs], axis=1)
    (signal, noise), *_ = np.linalg.lstsq(columns * trust[:, None], variance * trust, rcond=None)
    if noise <= 0:
        return mean, 0.0
    best = float(variance[runs == runs.max()].mean())
    return max(float(signal), _LEAST_SIGNAL * best), float(noise)
