"""Labels of few runs weigh less, by as much as their noise."""

import numpy as np
import pytest

from glasscast.errors import ModelError
from glasscast.models.ridge import RidgeMoments, ridge_path
from glasscast.models.weighted_ridge import weigh
from glasscast.training.label_weights import UNKNOWN, runs_of, weights_of
from tests.conftest import labelled

PENALTIES = (1e-3, 1.0, 1e2)


def fold(rng, truth, noise, count=600, rows=2):
    """Moments of particles whose label is x . truth + misfit + noise, variances 0.5 and noise."""
    x = rng.normal(size=(count, len(truth)))
    scale = (0.5 + noise) ** 0.5
    y = (x @ truth)[:, None] + scale * rng.normal(size=(count, rows))
    return RidgeMoments.of(x, y, np.zeros(len(truth)))


def test_weights_are_the_inverse_of_misfit_and_noise(rng):
    truth = rng.normal(size=6)
    folds = [{(32, 32): fold(rng, truth, 0.1), (1, 1): fold(rng, truth, 3.2)} for _ in range(5)]
    for weighed in weigh(folds, PENALTIES, "estimated"):
        assert weighed.weights[32] == 1
        assert weighed.weights[1] == pytest.approx(0.6 / 3.7, rel=0.1)


def test_a_number_sets_them(rng):
    truth = rng.normal(size=3)
    folds = [{(32,): fold(rng, truth, 0.1, rows=1), (1,): fold(rng, truth, 3, rows=1)}] * 2
    (weighed,) = weigh(folds, PENALTIES, 8.0)
    assert weighed.weights == pytest.approx({1: (1 + 8 / 32) / 9, 32: 1.0})
    (alike,) = weigh(folds, PENALTIES, 0.0)
    assert set(alike.weights.values()) == {1.0}
    assert weights_of([UNKNOWN, 0], 8.0)[0] == 0


def test_weighing_brings_the_fit_closer_to_the_truth(rng):
    def error(noise):
        made = np.random.default_rng(5)
        truth, off = made.normal(size=20), []
        for _ in range(20):
            folds = [
                {
                    (32,): fold(made, truth, 0.1, 60, 1),
                    (1,): fold(made, truth, 20.0, 120, 1),
                }
                for _ in range(3)
            ]
            (weighed,) = weigh(folds, (1.0,), noise)
            total = sum(weighed.folds[1:], weighed.folds[0])
            off.append(np.linalg.norm(ridge_path(total, (1.0,))[0, :, 0] - truth))
        return np.mean(off)

    assert error("estimated") < 0.8 * error(0.0)


def test_rows_without_labels_weigh_nothing(rng):
    """NaN rows never move a weight: row 1 is as if its configurations were not there."""
    truth = rng.normal(size=4)
    whole = [fold(rng, truth, 0.1) for _ in range(3)]
    late = [fold(rng, truth, 3.0) for _ in range(3)]
    mixed = [{(32, 32): a, (1, 0): b} for a, b in zip(whole, late, strict=True)]
    by_row = {int(t): w for w in weigh(mixed, PENALTIES, "estimated") for t in w.rows}
    assert by_row[0].weights[1] < 0.5
    assert by_row[1].weights == {32: 1.0}
    for found, alone in zip(by_row[1].folds, whole, strict=True):
        assert found is alone
    with pytest.raises(ModelError, match="no training configuration has labels in row 1"):
        weigh([{(1, 0): late[0]}, {(1, 0): late[1]}], PENALTIES, "estimated")


def test_runs_are_told_row_by_row(rng):
    configuration = labelled(rng, "c")
    assert runs_of(configuration, "propensity") == (UNKNOWN, UNKNOWN)
    assert runs_of(configuration, "nonaffine") == (0, 0)
    told = configuration.with_fields(runs=np.array([4, 1], dtype=np.int32))
    assert runs_of(told, "propensity") == (4, 1)
