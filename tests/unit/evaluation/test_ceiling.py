import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasscast.evaluation.ceiling import (
    ceiling_from_correlation,
    error_floor,
    noise_ceiling,
    spearman_brown,
)
from glasscast.evaluation.correlation import PairMoments, pearson, rmse


def ensemble(signal, noise, runs, size, seed=0):
    """Exact propensity and measured runs of particles with known signal and noise."""
    rng = np.random.default_rng(seed)
    exact = rng.normal(1.0, signal, size)
    return exact, exact + rng.normal(0.0, noise, (runs, size))


def test_closed_form_of_known_signal_and_noise():
    exact, runs = ensemble(signal=0.5, noise=2.0, runs=32, size=200_000)
    halves = np.array([runs[0::2].mean(axis=0), runs[1::2].mean(axis=0)])
    expected = np.sqrt(0.25 / (0.25 + 4 / 32))
    sampling = 3 / np.sqrt(200_000)
    assert noise_ceiling([halves]) == pytest.approx(expected, abs=sampling)
    assert pearson(exact, runs.mean(axis=0)) == pytest.approx(expected, abs=sampling)


def test_noise_that_differs_between_particles():
    rng = np.random.default_rng(4)
    exact = rng.gamma(2.0, 0.5, 200_000)
    noise = rng.normal(size=(2, 200_000)) * exact  # fast particles scatter more
    halves = exact + noise
    best = pearson(exact, halves.mean(axis=0))
    assert noise_ceiling([halves]) == pytest.approx(best, abs=0.01)


def test_floor_of_the_error_is_that_of_the_exact_predictor():
    exact, runs = ensemble(signal=0.5, noise=2.0, runs=32, size=100_000)
    halves = PairMoments.of(runs[0::2].mean(axis=0), runs[1::2].mean(axis=0))
    assert error_floor(halves) == pytest.approx(2 / np.sqrt(32), rel=0.01)
    assert error_floor(halves) == pytest.approx(rmse([exact], [runs.mean(axis=0)]), rel=0.01)


def test_pooled_ceiling_counts_levels_of_configurations_as_signal():
    rng = np.random.default_rng(5)
    levels = rng.normal(0, 3, 400)
    halves = [level + rng.normal(size=(2, 200)) for level in levels]  # pure noise within
    assert noise_ceiling(halves, pooled=True) == pytest.approx(
        np.sqrt(np.var(levels) / (np.var(levels) + 0.5)), abs=0.005
    )
    assert noise_ceiling(halves) < 0.3


def test_mean_ceiling_is_the_mean_of_those_of_the_configurations():
    parts = [ensemble(0.5, noise, 2, 1000, seed)[1] for seed, noise in enumerate((0.1, 0.5))]
    each = [noise_ceiling([halves]) for halves in parts]
    assert each[0] > each[1]
    assert noise_ceiling(parts) == pytest.approx(np.mean(each))


@given(st.floats(0, 1))
def test_full_mean_is_more_reliable_than_a_half(r):
    slack = 1 + 1e-12  # rounding
    assert r <= spearman_brown(r) * slack <= ceiling_from_correlation(r) * slack**2 <= slack**3


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_doubling_twice_is_quadrupling(r, share):
    # With signal V and noise s**2 a half: r = V / (V + s**2); four halves give V / (V + s**2/4).
    assert spearman_brown(spearman_brown(r)) == pytest.approx(4 * r / (1 + 3 * r))
    assert spearman_brown(share * r) <= spearman_brown(r) * (1 + 1e-12)


def test_ends():
    np.testing.assert_array_equal(ceiling_from_correlation([1.0, 0.0, -0.3]), [1, 0, 0])
    assert np.isnan(ceiling_from_correlation(np.nan))
    assert np.isnan(noise_ceiling([np.ones((2, 5))]))
