"""Soft repulsive potentials against their closed forms; built-in ones are in test_interactions."""

from __future__ import annotations

import numpy as np
import pytest

from glasscast.liquid.definition import LiquidSettings
from glasscast.liquid.potentials import smoothing
from tests.liquids import PAIRS, mixture, soft_liquids

SPECIES = {"AA": (0, 0), "AB": (0, 1), "BA": (1, 0), "BB": (1, 1)}


def parameters(pair):
    return PAIRS["AB" if pair == "BA" else pair]


@pytest.mark.parametrize("pair", SPECIES)
def test_harmonic_spheres(pair):
    epsilon, sigma = parameters(pair)
    liquid, r = mixture("harmonic", None), np.linspace(0.0, 1.5 * sigma, 31)
    overlap = np.maximum(1 - r / sigma, 0)
    energy, force = epsilon / 2 * overlap**2, epsilon / sigma * overlap
    np.testing.assert_allclose(liquid.pair_energy(r, *SPECIES[pair]), energy, atol=1e-15)
    np.testing.assert_allclose(liquid.pair_force(r, *SPECIES[pair]), force, atol=1e-15)


@pytest.mark.parametrize("pair", SPECIES)
@pytest.mark.parametrize("n", [3, 6, 12, 36])
def test_inverse_power_shifted(pair, n):
    epsilon, sigma = parameters(pair)
    liquid = mixture("inverse-power", 1.5, exponent=n, cut="shifted")
    r = np.linspace(0.7, 1.499, 20) * sigma
    energy = epsilon * ((sigma / r) ** n - 1.5**-n)
    np.testing.assert_allclose(liquid.pair_energy(r, *SPECIES[pair]), energy, rtol=1e-12)
    force = n * epsilon / r * (sigma / r) ** n
    np.testing.assert_allclose(liquid.pair_force(r, *SPECIES[pair]), force, rtol=1e-12)
    assert liquid.pair_energy(np.array([1.5 * sigma]), *SPECIES[pair])[0] == 0


@pytest.mark.parametrize("n", [3, 12])
def test_inverse_power_smoothed_is_the_power_plus_the_solved_polynomial(n):
    """The three constants as the solution of three linear equations at the cutoff."""
    x = 1.25
    equations = [[1, x**2, x**4], [0, 2 * x, 4 * x**3], [0, 2, 12 * x**2]]
    removed = [-(x**-n), n * x ** (-n - 1), -n * (n + 1) * x ** (-n - 2)]
    c = np.linalg.solve(equations, removed)
    liquid, r = mixture("inverse-power", x, exponent=n), np.linspace(0.8, 1.2, 9)
    expected = r**-n + c[0] + c[1] * r**2 + c[2] * r**4
    np.testing.assert_allclose(liquid.pair_energy(r), expected, rtol=1e-10)


def test_the_constants_of_the_polydisperse_soft_spheres_are_the_published_ones():
    """c0 = -28/x_c^12, c2 = 48/x_c^14, c4 = -21/x_c^16 of Ninarello et al., 2017."""
    x = 1.25
    found = smoothing(x**-12, -12 * x**-13, 156 * x**-14, x)
    np.testing.assert_allclose(found, (-28 / x**12, 48 / x**14, -21 / x**16), rtol=1e-12)


@pytest.mark.parametrize("name", soft_liquids())
def test_force_is_minus_the_slope_and_the_end_is_as_smooth_as_told(name):
    liquid, step = soft_liquids()[name], 1e-6
    for a, b in SPECIES.values():
        r = np.linspace(0.75, 0.99, 9) * liquid.cutoff[a, b]
        slope = (liquid.pair_energy(r + step, a, b) - liquid.pair_energy(r - step, a, b)) / 2 / step
        np.testing.assert_allclose(liquid.pair_force(r, a, b), -slope, rtol=1e-6, atol=1e-8)
        end = np.array([liquid.cutoff[a, b] * (1 - 1e-7)])
        assert abs(liquid.pair_energy(end, a, b)[0]) < 2e-6
        if "shifted" not in name:
            assert abs(liquid.pair_force(end, a, b)[0]) < 1e-6


def test_where_particles_overlap_depends_on_how_soft_they_are():
    assert mixture("harmonic", None).core.max() == 0
    soft, hard = (mixture("inverse-power", 2, exponent=n) for n in (3, 12))
    assert soft.core[0, 1] == pytest.approx(0.115)
    assert soft.pair_energy(soft.core[0, :1])[0] == pytest.approx(1000, rel=0.01)
    assert hard.core[0, 1] == pytest.approx(0.575)


@pytest.mark.parametrize(
    ("form", "pair", "message"),
    [
        ({"form": "harmonic"}, {"epsilon": 1, "sigma": 1, "cutoff": 1}, "'cutoff' means nothing"),
        ({"form": "harmonic"}, {"sigma": 1}, "the pair 'AA' lacks 'epsilon'"),
        ({"form": "inverse-power", "exponent": 12}, {"epsilon": 1, "sigma": 1}, "lacks 'cutoff'"),
        ({"form": "inverse-power", "exponent": 0}, {"epsilon": 1, "sigma": 1}, "greater than or"),
        ({"form": "inverse-power", "exponent": 2.5}, {"epsilon": 1, "sigma": 1}, "valid integer"),
    ],
)
def test_a_pair_gives_what_its_form_reads(form, pair, message):
    with pytest.raises(ValueError, match=message):
        LiquidSettings(
            name="mine",
            density=1,
            potential=form,
            species={"A": {"fraction": 1}},
            pairs={"AA": pair},
        )
