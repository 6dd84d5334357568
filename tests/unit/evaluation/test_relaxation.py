from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from glasscast import load_sample
from glasscast.datasets.scattering import first_peak
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


def test_the_wave_number_of_the_sample_is_where_plain_sums_over_wave_vectors_peak():
    snapshot = load_sample()[0]
    positions = snapshot.positions[snapshot.types == 0]
    unit = 2 * np.pi / snapshot.box
    grid = np.arange(-17, 18)
    vectors = np.stack(np.meshgrid(grid[17:], grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = vectors * unit
    lengths = np.linalg.norm(vectors, axis=1)
    near = (lengths > 6.25) & (lengths < 8.25)
    phases = positions @ vectors[near].T
    factors = (np.cos(phases).sum(axis=0) ** 2 + np.sin(phases).sum(axis=0) ** 2) / len(positions)
    # a parabola through all that lies above nine tenths of the top of shells
    edges = np.arange(6.25, 8.26, 0.25)
    shells = np.digitize(lengths[near], edges) - 1
    means = np.array([factors[shells == k].mean() for k in range(len(edges) - 1)])
    top = int(np.argmax(means))
    chosen = np.abs(shells - top) <= 1
    curve = np.polyfit(lengths[near][chosen], factors[chosen], 2)
    expected = -curve[1] / (2 * curve[0])
    assert first_peak(positions, snapshot.box) == pytest.approx(expected, abs=0.1)
    assert expected == pytest.approx(7.2, abs=0.15)  # of the Kob-Andersen liquid at density 1.2


def test_the_relaxation_time_of_the_sample_by_an_own_search():
    """The recorded F_s(2 pi, t): where it is 1/e, and BOTAN's fit by another minimiser."""
    told = [c.metadata.relaxation for c in load_sample()]
    times, mean = np.array(told[0].times), np.mean([r.scattering for r in told], axis=0)
    fit = fit_relaxation(times, mean)
    above = int(np.flatnonzero(mean > np.exp(-1))[-1])
    pair = slice(above, above + 2)
    crossing = np.exp(np.interp(-np.exp(-1), -mean[pair], np.log(times[pair])))
    assert fit.crossing == pytest.approx(crossing, rel=1e-6)
    assert 8 < crossing < fit.tau_alpha < 25  # published: 16.5

    def misfit(p):
        f, tau, beta, short, gamma = p[0], np.exp(p[1]), p[2], np.exp(p[3]), p[4]
        fast, slow = np.exp(-((times / short) ** gamma)), np.exp(-((times / tau) ** beta))
        return (1 - f) * fast + f * slow - mean

    box = ([0.05, 0, 0.2, np.log(1e-3), 0.5], [1, 7, 1.5, np.log(5), 2.5])
    starts = [(0.6, np.log(t), 0.6, np.log(s), 1.2) for t in (5, 40) for s in (0.1, 0.5)]
    found = min((least_squares(misfit, s, bounds=box) for s in starts), key=lambda r: r.cost)
    assert np.exp(found.x[1]) == pytest.approx(fit.tau_alpha, rel=0.03)
    assert fit.residual <= 1.1 * np.sqrt(2 * found.cost / len(times)) + 1e-4
