"""Moments of a ridge regression whose labels are means over different numbers of runs.

Least squares is at its best where a label weighs the inverse of what a forecast misses it by; see
:mod:`glasscast.training.label_weights`. That is measured here by the residuals of configurations
that are held out, for each number of runs apart: it needs no halves, and minds whatever else tells
them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import ModelError
from glasscast.liquid.box import FloatArray
from glasscast.models.ridge import RidgeMoments, residual_variance, ridge_path
from glasscast.training.label_weights import Runs, weights_of
from glasscast.training.settings import LabelNoise

#: k where its estimate begins: near the relaxation time a single run has a sixth of signal.
_FIRST_GUESS = 8.0


@dataclass(frozen=True)
class Weighed:
    """Moments of the folds of some rows, whose labels weigh alike.

    Parameters
    ----------
    rows : in time.
    folds : those that have labels there.
    weights : by number of runs.
    """

    rows: NDArray[np.int64]
    folds: list[RidgeMoments]
    weights: dict[int, float]


def weigh(
    folds: Sequence[Mapping[Runs, RidgeMoments]], penalties: Sequence[float], noise: LabelNoise
) -> list[Weighed]:
    """Join moments of different numbers of runs, weighed row by row.

    Parameters
    ----------
    folds : for each the moments by the runs behind their labels; sums of y are 0 where there are
        none.
    penalties : of the ridge regression.
    noise : k, or ``estimated`` from the residuals of held-out folds.

    Raises
    ------
    ModelError : if a row has no label at all.
    """
    kinds = list(dict.fromkeys(kind for fold in folds for kind in fold))
    alike: dict[Runs, list[int]] = {}
    for row in range(len(kinds[0])):
        alike.setdefault(tuple(kind[row] for kind in kinds), []).append(row)
    found: dict[tuple[Runs, tuple[float, ...]], list[int]] = {}
    for signature, rows in alike.items():
        numbers = sorted({runs for runs in signature if runs})
        if not numbers:
            raise ModelError(f"no training configuration has labels in row {rows[0]} of the times")
        guess = weights_of(numbers, _FIRST_GUESS if noise == "estimated" else noise)
        weights = [tuple(guess[n] for n in numbers)] * len(rows)
        if noise == "estimated" and len(numbers) > 1:
            missed = _missed(folds, rows[0], guess, penalties)
            found_at = [np.array([missed[n][r] for n in numbers]) for r in rows]
            weights = [
                tuple((m.min() / m).tolist()) if np.all(m > 0) else each
                for m, each in zip(found_at, weights, strict=True)
            ]
        for row, each in zip(rows, weights, strict=True):
            found.setdefault((tuple(numbers), each), []).append(row)
    return [
        Weighed(np.array(rows), _joined(folds, rows[0], by_runs), by_runs)
        for (numbers, each), rows in found.items()
        for by_runs in (dict(zip(numbers, each, strict=True)),)
    ]


def _joined(
    folds: Sequence[Mapping[Runs, RidgeMoments]], row: int, weights: Mapping[int, float]
) -> list[RidgeMoments]:
    """Moments of each fold that has labels in a row, weighed by their runs there."""
    parts = (
        [moments.scaled(weights[kind[row]]) for kind, moments in fold.items() if kind[row]]
        for fold in folds
    )
    return [reduce(add, each) for each in parts if each]


def _missed(
    folds: Sequence[Mapping[Runs, RidgeMoments]],
    row: int,
    weights: Mapping[int, float],
    penalties: Sequence[float],
) -> dict[int, FloatArray]:
    """Held-out residual variance by number of runs: (T,), each at its best penalty.

    Parameters
    ----------
    row : one of those with the same numbers of runs.
    """
    total: dict[int, FloatArray] = {runs: np.zeros(()) for runs in weights}
    count = dict.fromkeys(weights, 0.0)
    for held, fold in enumerate(folds):
        rest = [other for k, other in enumerate(folds) if k != held] or [fold]
        others = _joined(rest, row, weights)
        if not others:
            continue
        path = ridge_path(reduce(add, others), penalties)
        for runs in weights:
            parts = [moments for kind, moments in fold.items() if kind[row] == runs]
            if parts:
                moments = reduce(add, parts)
                total[runs] = total[runs] + moments.count * residual_variance(moments, path)
                count[runs] += moments.count
    weighed = reduce(add, (weights[runs] * total[runs] for runs in weights))
    best, times = np.argmin(weighed, axis=0), np.arange(weighed.shape[-1])
    # A number of runs that no fold could be tried on is not known: 0.
    return {
        runs: total[runs][best, times] / count[runs] if count[runs] else np.zeros(len(times))
        for runs in weights
    }
