from __future__ import annotations

import numpy as np
import pytest

from glasscast.errors import SettingsError, ShapeError
from glasscast.liquid.box import repeat
from glasscast.liquid.definition import BUILT_IN, load_liquid
from glasscast.liquid.potentials import LennardJonesPolynomial


def crystal(liquid, side=5, stretch=1.0, seed=0):
    """A shaken lattice at the liquid's density: forces are finite, none is zero."""
    rng = np.random.default_rng(seed)
    axes = [np.arange(side)] * liquid.dimension
    sites = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, liquid.dimension)
    spacing = liquid.density ** (-1 / liquid.dimension) * stretch
    positions = (sites + 0.5 + rng.uniform(-0.05, 0.05, sites.shape)) * spacing
    types = rng.permutation(liquid.types(len(sites)))
    return positions, types, np.full(liquid.dimension, side * spacing)


def lennard_jones(r, epsilon, sigma):
    return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


@pytest.mark.parametrize(
    ("pair", "epsilon", "sigma"), [((0, 0), 1, 1), ((0, 1), 1.5, 0.8), ((1, 1), 0.5, 0.88)]
)
def test_ka_is_equation_8_of_shiba(pair, epsilon, sigma):
    liquid = load_liquid("ka")
    cutoff = 2.5 * sigma
    slope = 4 * epsilon * (-12 * sigma**12 / cutoff**13 + 6 * sigma**6 / cutoff**7)
    r = np.linspace(0.85 * sigma, 1.1 * cutoff, 60)
    expected = lennard_jones(r, epsilon, sigma) - lennard_jones(cutoff, epsilon, sigma)
    expected = np.where(r < cutoff, expected - (r - cutoff) * slope, 0)
    np.testing.assert_allclose(liquid.pair_energy(r, *pair), expected, atol=1e-13)


def test_plain_lennard_jones_is_cut_at_the_same_distance_for_all_pairs():
    liquid = load_liquid("ka-cut")
    r = np.array([1.0, 2.499, 2.5])
    expected = np.where(r < 2.5, lennard_jones(r, 1.5, 0.8), 0)
    np.testing.assert_allclose(liquid.pair_energy(r, 0, 1), expected, rtol=1e-13)


def test_polynomial_constants_are_the_published_ones():
    published = (0.04049023795, -0.00970155098, 0.00062012616)
    np.testing.assert_allclose(LennardJonesPolynomial.constants(2.5), published, atol=5e-11)


@pytest.mark.parametrize("name", ["ka", "ka2d", "hard-spheres"])
def test_energy_and_force_vanish_smoothly_at_the_cutoff(name):
    liquid = load_liquid(name)
    for a in range(len(liquid.species)):
        for b in range(len(liquid.species)):
            near = np.array([liquid.cutoff[a, b] * (1 - 1e-9)])
            assert abs(liquid.pair_energy(near, a, b)[0]) < 1e-10
            assert abs(liquid.pair_force(near, a, b)[0]) < 1e-5


def test_hard_spheres_have_the_papers_packing_and_the_published_prefactor():
    liquid = load_liquid("hard-spheres")
    volume = np.pi / 6 * np.sum(liquid.fractions * np.diag(liquid.sigma) ** 3)
    assert liquid.density * volume == pytest.approx(0.58, abs=1e-12)
    # Jover et al. 2012: 50 (50/49)^49 eps [(s/r)^50 - (s/r)^49] + eps
    r = np.array([0.95, 1.0, 1.01])
    expected = 50 * (50 / 49) ** 49 * (r**-50 - r**-49) + 1
    np.testing.assert_allclose(liquid.pair_energy(r), expected, rtol=1e-11)
    assert liquid.pair_energy(np.array([0.85]), 1, 1)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("name", BUILT_IN)
def test_force_is_minus_the_slope_of_the_energy(name):
    liquid = load_liquid(name)
    r = np.linspace(0.96, 0.995, 8) * liquid.cutoff[0, 1]
    step = 1e-6
    slope = (liquid.pair_energy(r + step, 0, 1) - liquid.pair_energy(r - step, 0, 1)) / (2 * step)
    np.testing.assert_allclose(liquid.pair_force(r, 0, 1), -slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("name", "side"), [("ka", 6), ("ka2d", 7), ("hard-spheres", 5)])
def test_forces_are_minus_the_gradient_of_the_total_energy(name, side):
    liquid = load_liquid(name)
    positions, types, box = crystal(liquid, side, 1.1)
    forces = liquid.forces(positions, types, box)
    assert np.abs(forces).max() > 0.1
    step = 1e-6
    for i, axis in [(0, 0), (3, 1), (len(types) - 1, liquid.dimension - 1)]:
        energy = []
        for sign in (1, -1):
            moved = positions.copy()
            moved[i, axis] += sign * step
            energy.append(liquid.energies(moved, types, box).sum())
        slope = (energy[0] - energy[1]) / (2 * step)
        assert forces[i, axis] == pytest.approx(-slope, rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-9 * np.abs(forces).max() * len(types))


@pytest.mark.parametrize(("name", "side"), [("ka", 6), ("ka2d", 7)])
def test_pressure_is_minus_the_change_of_energy_with_volume(name, side):
    liquid = load_liquid(name)
    positions, types, box = crystal(liquid, side, 1.05)
    step = 1e-6
    energy, volume = [], []
    for scale in (1 + step, 1 - step):
        energy.append(liquid.energies(positions * scale, types, box * scale).sum())
        volume.append(np.prod(box * scale))
    slope = (energy[0] - energy[1]) / (volume[0] - volume[1])
    assert liquid.pressure(positions, types, box, 0.0) == pytest.approx(-slope, rel=1e-5)
    ideal = len(types) * 0.7 / np.prod(box)
    assert liquid.pressure(positions, types, box, 0.7) == pytest.approx(ideal - slope, rel=1e-5)


def test_composition_adds_up_and_is_the_published_one():
    assert load_liquid("ka").counts(4096).tolist() == [3277, 819]
    assert load_liquid("ka2d").counts(1290).tolist() == [600, 330, 360]
    for particles in range(4, 40):
        assert load_liquid("ka2d").counts(particles).sum() == particles


def test_too_few_particles_for_the_species_are_refused():
    with pytest.raises(SettingsError, match="too few for the species of ka"):
        load_liquid("ka").counts(1)


def test_unknown_species_are_named():
    liquid = load_liquid("ka")
    positions, types, box = crystal(liquid, 6)
    types = types.copy()
    types[4] = 2
    with pytest.raises(ShapeError, match=r"species 2 is unknown: ka has 2 species \(A, B\)"):
        liquid.energies(positions, types, box)


def test_pressure_of_a_small_box_is_that_of_the_box_repeated():
    liquid, copies = load_liquid("ka"), np.array([2, 2, 2])
    positions, types, box = crystal(liquid, 3)
    small = liquid.pressure(positions, types, box, 0.5)
    large = repeat(positions, box, copies), np.tile(types, 8), copies * box
    assert small == pytest.approx(liquid.pressure(*large, 0.5), rel=1e-9)


def test_forces_in_a_small_box_are_the_gradient_of_the_energy():
    """Moving a particle moves its images too, so those pull on nothing."""
    liquid = load_liquid("ka")
    positions, types, box = crystal(liquid, 2)
    forces = liquid.forces(positions, types, box)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-9)
    step = 1e-6 * np.eye(3)[0]
    ahead, behind = (
        liquid.energies(positions + sign * step * np.eye(8)[:, :1], types, box).sum()
        for sign in (1, -1)
    )
    assert forces[0, 0] == pytest.approx((behind - ahead) / 2e-6, rel=1e-5)
