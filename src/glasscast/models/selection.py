"""How far the best few descriptors reach: the score against their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray
from glasscast.models.ridge import RidgeMoments, pearson_from_moments, ridge_path


@dataclass(frozen=True)
class SelectionScores:
    """Score of the first few descriptors of one species and time.

    Parameters
    ----------
    species, time : what was selected for.
    names : (k,) descriptors in the order they were taken.
    training : (k,) multiple correlation R with the training target.
    counts : (C,) numbers of descriptors, increasing.
    test : (C,) Pearson correlation with that many, mean over test configurations.
    """

    species: int
    time: float
    names: tuple[str, ...]
    training: FloatArray
    counts: NDArray[np.int64]
    test: FloatArray


def score_first(
    training: RidgeMoments,
    test: Sequence[RidgeMoments],
    target: int,
    penalty: float,
    points: int = 24,
) -> tuple[NDArray[np.int64], FloatArray]:
    """Refit with the first 1, 2, .. descriptors and score each fit on test configurations.

    Parameters
    ----------
    training : moments of the descriptors in the order they were taken.
    test : the same of each test configuration, with the target alone.
    target : column of y in ``training``.
    penalty : of the ridge regression.
    points : numbers of descriptors tried, log-spaced.

    Returns
    -------
    Numbers of descriptors (C,), and Pearson correlations (C,), mean over test configurations.
    """
    most = len(training.x)
    counts = np.unique(np.geomspace(1, most, points).round().astype(np.int64))
    scores = []
    for count in counts:
        first = np.arange(count)
        weights = ridge_path(training.columns(first), [penalty])[:, :, [target]]
        scores.append(np.mean([pearson_from_moments(m.columns(first), weights) for m in test]))
    return counts, np.array(scores)
