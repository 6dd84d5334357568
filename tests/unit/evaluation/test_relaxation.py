from __future__ import annotations

import numpy as np
import pytest

from glasscast.errors import ShapeError
from glasscast.evaluation.relaxation import (
    crossing_time,
    fit_relaxation,
    radial_distribution,
    standard_error,
    structure_factor,
)
from glasscast.liquid.correlations import mean_squared_displacement


def test_ideal_gas_moves_ballistically(rng):
    times, v = np.array([0.1, 1.0, 3.0]), rng.normal(size=(20000, 3))
    moved = v * times[:, None, None]
    np.testing.assert_allclose(mean_squared_displacement(moved), 3 * times**2, rtol=0.03)


def test_fit_finds_the_time_it_was_made_with(rng):
    times = np.geomspace(0.03, 200, 14)
    exact = 0.25 * np.exp(-((times / 0.2) ** 1.6)) + 0.75 * np.exp(-((times / 16.5) ** 0.8))
    fit = fit_relaxation(times, exact + rng.normal(scale=0.003, size=14))
    assert fit.tau_alpha == pytest.approx(16.5, rel=0.05)
    assert fit.beta == pytest.approx(0.8, abs=0.08)
    assert fit.plateau == pytest.approx(0.75, abs=0.03)
    assert fit.residual < 0.01
    # 0.75 exp(-x) = 1/e at x = 1 + ln 0.75
    assert fit.crossing == pytest.approx(16.5 * (1 + np.log(0.75)) ** (1 / 0.8), rel=0.05)


def test_fit_refuses_what_holds_no_decay():
    times = np.geomspace(0.1, 10, 8)
    with pytest.raises(ShapeError, match=r"F_s falls only to 0\.90: go to longer times"):
        fit_relaxation(times, np.full(8, 0.9))
    with pytest.raises(ShapeError, match="needs 6 times or more, got 3"):
        fit_relaxation(times[:3], np.array([1, 0.5, 0.1]))


def test_crossing_is_exact_for_a_line_in_log_time_and_nan_without_one():
    assert crossing_time(np.array([1.0, 100.0]), np.array([1.0, 0.0]), 0.5) == pytest.approx(10)
    assert np.isnan(crossing_time(np.array([1.0, 2]), np.array([0.9, 0.8])))


@pytest.mark.parametrize("dimension", [2, 3])
def test_ideal_gas_is_structureless(rng, dimension):
    box = np.full(dimension, 10.0)
    positions = rng.uniform(0, 10, (3000, dimension))
    _, g = radial_distribution(positions, box, 4.0, 4)
    np.testing.assert_allclose(g[1:], 1, atol=0.05)
    _, s = structure_factor(positions, box, 6.0, 2.0)
    assert np.mean(s) == pytest.approx(1, abs=0.25)


def test_partial_distributions_sum_to_the_total(rng):
    box, positions = np.full(3, 8.0), rng.uniform(0, 8, (500, 3))
    a = rng.random(500) < 0.8
    _, total = radial_distribution(positions, box, 3.0, 10)
    summed = np.zeros(10)
    for left in (a, ~a):
        for right in (a, ~a):
            _, g = radial_distribution(positions, box, 3.0, 10, left, right)
            summed += g * (left.sum() * right.sum() - (left & right).sum())
    np.testing.assert_allclose(summed / (500 * 499), total)


def test_crystal_scatters_only_at_its_reciprocal_lattice():
    side = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    k, s = structure_factor(side * 1.0, np.full(3, 6.0), 2 * np.pi * 1.01, 0.05)
    at_peak = np.abs(k - 2 * np.pi) < 0.03
    # of the 17 vectors of this length, up to sign, 5 (1,0,0)-like ones are Bragg peaks of height N
    assert s[at_peak].max() == pytest.approx(216 * 5 / 17)
    assert s[~at_peak].max() < 1e-20


def test_a_wavenumber_the_box_cannot_hold_is_refused():
    with pytest.raises(ShapeError, match="no wave vector"):
        structure_factor(np.zeros((2, 3)), np.full(3, 5.0), 1.0)


def test_standard_error_of_known_samples():
    # 1, 2, 3 spread by 1 about their mean; a single sample tells nothing of its spread
    assert standard_error(np.array([1.0, 2.0, 3.0])) == pytest.approx(3**-0.5)
    assert standard_error(np.array([[4.0, 5.0]])).tolist() == [0.0, 0.0]
