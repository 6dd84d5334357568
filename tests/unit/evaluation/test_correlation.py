import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glasscast.errors import ShapeError
from glasscast.evaluation.correlation import (
    PairMoments,
    bootstrap_interval,
    bootstrap_weights,
    pearson,
    pearson_mean,
    pearson_pooled,
    rmse,
)

pairs = st.integers(3, 30).flatmap(
    lambda n: arrays(np.float64, (2, n), elements=st.integers(-1000, 1000), fill=st.nothing())
)
seeds = st.integers(0, 2**32 - 1)


def test_known_value_by_hand():
    # Deviations (-1, 0, 1) and (-1, 1, 0): products sum to 1, both squares to 2.
    assert pearson([1, 2, 3], [1, 3, 2]) == pytest.approx(0.5, abs=1e-15)


@given(pairs)
def test_agrees_with_numpy(xy):
    x, y = xy
    if np.ptp(x) and np.ptp(y):
        assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)


@given(pairs, st.floats(0.01, 100), st.floats(-100, 100), st.booleans())
def test_affine_maps_change_only_the_sign(xy, scale, shift, flip):
    x, y = xy
    sign = -1 if flip else 1
    if np.ptp(x) and np.ptp(y):
        assert pearson(sign * scale * x + shift, y) == pytest.approx(sign * pearson(x, y), abs=1e-9)


@given(pairs, seeds)
def test_order_of_particles_does_not_matter(xy, seed):
    order = np.random.default_rng(seed).permutation(xy.shape[1])
    np.testing.assert_allclose(pearson(*xy[:, order]), pearson(*xy), atol=1e-12)


@given(st.floats(-1e6, 1e6), st.integers(2, 200))
def test_constant_input_has_no_correlation(constant, size):
    # Also constants whose mean rounds, such as 0.1.
    assert np.isnan(pearson(np.full(size, constant), np.arange(size)))
    assert np.isnan(pearson(np.arange(size), np.full(size, constant)))


def test_a_hole_makes_the_score_unknown():
    assert np.isnan(pearson([1, 2, np.nan, 4], [1, 2, 3, 4]))
    assert np.isnan(pearson_pooled([[1, 2, np.nan], [4, 5]], [[1, 2, 3], [4, 6]]))


def test_large_mean_keeps_precision():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1000))
    shifted = [x[:500] + 1e8, x[500:] + 1e8]
    expected = np.corrcoef(x, y)[0, 1]
    assert pearson_pooled(shifted, [y[:500], y[500:]]) == pytest.approx(expected, abs=1e-7)


def test_mean_and_pooled_differ_by_the_configurations_levels():
    # Within each configuration the forecast is exactly wrong; only the levels are right.
    predicted, true = [[1, 0], [101, 100]], [[0, 1], [100, 101]]
    assert pearson_mean(predicted, true) == pytest.approx(-1)
    assert pearson_pooled(predicted, true) == pytest.approx((100**2 - 1) / (100**2 + 1))


@given(st.lists(st.integers(2, 20), min_size=1, max_size=6), seeds)
def test_pooling_equals_concatenation(sizes, seed):
    rng = np.random.default_rng(seed)
    x = [rng.normal(5 * rng.normal(), 1, n) for n in sizes]
    y = [rng.normal(5 * rng.normal(), 1, n) for n in sizes]
    a, b = np.concatenate(x), np.concatenate(y)
    assert pearson_pooled(x, y) == pytest.approx(pearson(a, b), abs=1e-12)
    assert rmse(x, y) == pytest.approx(np.sqrt(np.mean((a - b) ** 2)), rel=1e-12)


def test_resampled_statistics_equal_those_of_repeated_configurations():
    rng = np.random.default_rng(3)
    x = [rng.normal(c, 1, 10 + c) for c in range(4)]
    y = [rng.normal(-c, 1, 10 + c) for c in range(4)]
    moments = PairMoments.join([PairMoments.of(a, b) for a, b in zip(x, y, strict=True)])
    weights = np.array([[2.0, 0, 1, 1], [0, 4, 0, 0]])
    for row, drawn in enumerate([[0, 0, 2, 3], [1, 1, 1, 1]]):
        sample = [x[c] for c in drawn], [y[c] for c in drawn]
        assert moments.pearson_pooled(weights)[row] == pytest.approx(pearson_pooled(*sample))
        assert moments.pearson_mean(weights)[row] == pytest.approx(pearson_mean(*sample))
        assert moments.rmse(weights)[row] == pytest.approx(rmse(*sample))


def test_moments_keep_further_axes():
    x, y = np.random.default_rng(1).normal(size=(2, 3, 50))
    moments = PairMoments.of(x, y)
    assert moments.pearson().shape == (1, 3)
    np.testing.assert_allclose(
        moments.pearson()[0], [pearson(a, b) for a, b in zip(x, y, strict=True)]
    )
    np.testing.assert_allclose(moments[:, 1].pearson_mean(), pearson(x[1], y[1]))


@given(st.integers(1, 50), seeds)
def test_bootstrap_draws_as_many_configurations_as_there_are(configurations, seed):
    weights = bootstrap_weights(configurations, 20, seed)
    assert weights.shape == (20, configurations)
    assert np.all(weights.sum(axis=1) == configurations)
    np.testing.assert_array_equal(weights, bootstrap_weights(configurations, 20, seed))


def test_bootstrap_error_of_a_mean_is_the_standard_error():
    # RMSE**2 is the mean of per-configuration squared errors: a plain mean of C numbers.
    squared = np.random.default_rng(2).uniform(1, 2, 100)
    moments = PairMoments.join(
        [PairMoments.of([np.sqrt(s), 0.0], [0.0, np.sqrt(s)]) for s in squared]
    )
    samples = moments.rmse(bootstrap_weights(100, 20_000, 0)) ** 2
    error = np.std(squared) / 10
    assert samples.std() == pytest.approx(error, rel=0.03)
    low, high = bootstrap_interval(samples, 100)
    assert low == pytest.approx(squared.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(squared.mean() + 1.96 * error, abs=0.1 * error)


def test_one_configuration_tells_nothing_of_the_spread():
    low, high = bootstrap_interval(np.full((10, 2), 0.5), 1)
    assert low.shape == high.shape == (2,)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2, 3]), ([], [])])
def test_unpaired_values_are_refused(x, y):
    with pytest.raises(ShapeError, match="cannot be compared"):
        pearson(x, y)


def test_unpaired_configurations_are_refused():
    with pytest.raises(ShapeError, match="1 predicted and 2 true"):
        pearson_mean([[1, 2]], [[1, 2], [3, 4]])
