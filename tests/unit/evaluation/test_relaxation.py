from __future__ import annotations

import numpy as np
import pytest

from glasscast.errors import ShapeError
from glasscast.evaluation.relaxation import (
    fit_relaxation,
    standard_error,
)
from glasscast.liquid.correlations import crossing_time, mean_squared_displacement


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


def test_standard_error_of_known_samples():
    # 1, 2, 3 spread by 1 about their mean; a single sample tells nothing of its spread
    assert standard_error(np.array([1.0, 2.0, 3.0])) == pytest.approx(3**-0.5)
    assert standard_error(np.array([[4.0, 5.0]])).tolist() == [0.0, 0.0]
