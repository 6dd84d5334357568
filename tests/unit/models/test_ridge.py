"""Ridge from moments against scikit-learn, and forward selection against refitting."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from glasscast.models.ridge import (
    RidgeMoments,
    choose_penalty,
    forward_selection,
    pearson_from_moments,
    residual_variance,
    ridge_path,
)


def data(seed: int, n: int = 300, features: int = 12, targets: int = 2):
    """Correlated features far from the origin, one of them constant."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)) @ rng.normal(size=(features, features)) + 1000.0
    x[:, 3] = 5.0
    y = x[:, :4] @ rng.normal(size=(4, targets)) + 3 * rng.normal(size=(n, targets))
    return x, y


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), penalty=st.floats(1e-2, 1e4))
def test_ridge_equals_scikit_learn(seed, penalty):
    x, y = data(seed)
    spread = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(spread > 1e-5, spread, 1.0)
    expected = Ridge(alpha=penalty).fit(z, y)
    weights = ridge_path(RidgeMoments.of(x, y, x[0]), [penalty])[0]
    np.testing.assert_allclose(
        (x - x.mean(axis=0)) @ weights + y.mean(axis=0), expected.predict(z), rtol=1e-6, atol=1e-6
    )
    assert np.all(weights[3] == 0)


def test_moments_add_up_whatever_the_order_and_the_parts():
    x, y = data(0)
    whole = RidgeMoments.of(x, y, x[0])
    parts = reduce(add, (RidgeMoments.of(x[k::7], y[k::7], x[0]) for k in range(7)))
    for name in ("x", "y", "xx", "xy", "yy"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9, atol=1e-6)
    assert parts.count == 300


def test_moments_move_to_another_origin():
    x, y = data(0)
    found = RidgeMoments.of(x, y, x[0]).moved(x[1] - x[0])
    expected = RidgeMoments.of(x, y, x[1])
    for name in ("x", "y", "xx", "xy", "yy"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-5
        )


def test_scores_from_moments_equal_scores_from_predictions():
    x, y = data(1)
    test_x, test_y = data(2)
    weights = ridge_path(RidgeMoments.of(x, y, x[0]), [1.0, 50.0])
    test = RidgeMoments.of(test_x, test_y, x[0])
    for a in range(2):
        predicted = test_x @ weights[a]
        left = test_y - predicted
        np.testing.assert_allclose(residual_variance(test, weights)[a], left.var(axis=0), rtol=1e-6)
        pearson = [np.corrcoef(predicted[:, t], test_y[:, t])[0, 1] for t in range(2)]
        np.testing.assert_allclose(pearson_from_moments(test, weights)[a], pearson, rtol=1e-6)


def test_cross_validation_equals_refitting_each_fold():
    folds = [data(k) for k in range(4)]
    penalties = [1.0, 1e3, 1e6]
    _, found = choose_penalty([RidgeMoments.of(x, y, folds[0][0][0]) for x, y in folds], penalties)
    for a, penalty in enumerate(penalties):
        left = []
        for held, (test_x, test_y) in enumerate(folds):
            x = np.vstack([f[0] for k, f in enumerate(folds) if k != held])
            y = np.vstack([f[1] for k, f in enumerate(folds) if k != held])
            spread = np.where(x.std(axis=0) > 1e-5, x.std(axis=0), 1.0)
            fit = Ridge(alpha=penalty).fit(x / spread, y)
            left.append((test_y - fit.predict(test_x / spread)).var(axis=0))
        np.testing.assert_allclose(found[a], np.mean(left, axis=0), rtol=1e-5)


def test_noise_calls_for_a_heavy_penalty_and_clean_data_for_a_light_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 60, 30))
    clean = [RidgeMoments.of(f, f[:, :1].copy(), np.zeros(30)) for f in x]
    noise = [RidgeMoments.of(f, rng.normal(size=(60, 1)), np.zeros(30)) for f in x]
    penalties = [1e-3, 1.0, 1e3, 1e6]
    assert choose_penalty(clean, penalties)[0][0] == 0
    assert choose_penalty(noise, penalties)[0][0] >= 2


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999))
def test_forward_selection_equals_refitting_at_each_step(seed):
    x, y = data(seed)
    chosen = forward_selection(RidgeMoments.of(x, y, x[0]), 1, 6)
    taken: list[int] = []
    centred = x - x.mean(axis=0)
    target = y[:, 1] - y[:, 1].mean()
    for index, correlation in zip(chosen.indices, chosen.correlation, strict=True):
        reached = {}
        for j in set(range(12)) - set(taken) - {3}:
            fit, *_ = np.linalg.lstsq(centred[:, [*taken, j]], target, rcond=None)
            left = target - centred[:, [*taken, j]] @ fit
            reached[j] = np.sqrt(max(1 - left @ left / (target @ target), 0))
        assert reached[index] == pytest.approx(max(reached.values()), abs=1e-7)
        assert correlation == pytest.approx(reached[index], abs=1e-6)
        taken.append(int(index))


def test_forward_selection_ends_before_the_first_that_brings_too_little():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 5))
    y = (x @ [1.0, 0.5, 0.1, 0.02, 0.0])[:, None] + 0.1 * rng.normal(size=(4000, 1))
    moments = RidgeMoments.of(x, y, np.zeros(5))
    whole = forward_selection(moments, 0, 5)
    gains = np.diff(whole.correlation, prepend=0.0)
    for least, count in ((1e-2, 2), (1e-3, 3), (0.0, 5)):
        short = forward_selection(moments, 0, 5, least)
        assert len(short.indices) == count
        assert short.indices.tolist() == whole.indices[:count].tolist()
        assert (gains[:count] >= least).all()
        assert count == 5 or gains[count] < least


def test_forward_selection_stops_when_nothing_is_left_to_take():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    doubled = np.column_stack([x, x @ [[1.0], [2.0]], np.ones(50)])
    chosen = forward_selection(RidgeMoments.of(doubled, x[:, :1], np.zeros(4)), 0, 4)
    assert len(chosen.indices) <= 2
    assert chosen.correlation[-1] == pytest.approx(1.0)
