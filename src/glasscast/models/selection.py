"""How far the best few descriptors reach: the score against their number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.linear import LinearModel
from glasscast.models.ridge import FloatArray, Moments, pearson_from_moments, ridge_path


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


def selection_scores(
    model: LinearModel, test: Iterable[Configuration], points: int = 24
) -> list[SelectionScores]:
    """Refit with the first 1, 2, .. descriptors taken and score each on test configurations.

    Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), figure 2. Each fit and score is made
    from moments of the chosen descriptors; the test configurations are read once.

    Parameters
    ----------
    model : fitted with ``select`` in this process.
    test : labelled configurations.
    points : numbers of descriptors tried, log-spaced.

    Raises
    ------
    ModelError : if the model was not fitted with forward selection.
    """
    if not getattr(model, "selection_", None) or not getattr(model, "moments_", None):
        raise ModelError("fit the model with 'select' before scoring its selection")
    held: dict[tuple[int, int], list[Moments]] = {key: [] for key in model.selection_}
    for configuration in test:
        labels, features = model.labels_to_score(configuration), model.features(configuration)
        for (s, t), chosen in model.selection_.items():
            mine = configuration.types == model.species_[s]
            columns = features[np.ix_(mine, chosen.indices)]
            target = labels[t, mine, None].astype(np.float64)
            origin = model.origin_[s, chosen.indices]
            held[s, t].append(Moments.of(columns, target, origin))
    return [_scores(model, s, t, moments, points) for (s, t), moments in held.items()]


def _scores(
    model: LinearModel, s: int, t: int, held: list[Moments], points: int
) -> SelectionScores:
    chosen, names = model.selection_[s, t], model.feature_names()
    total = model.moments_[s].columns(chosen.indices)
    count = len(chosen.indices)
    counts = np.unique(np.geomspace(1, count, points).round().astype(np.int64))
    reached = []
    for number in counts:
        first = np.arange(number)
        weights = ridge_path(total.columns(first), [model.penalty_[s, t]])[:, :, [t]]
        reached.append(np.mean([pearson_from_moments(m.columns(first), weights) for m in held]))
    return SelectionScores(
        model.species_[s],
        float(model.times_[t]),
        tuple(names[i] for i in chosen.indices),
        chosen.correlation,
        counts,
        np.array(reached),
    )
