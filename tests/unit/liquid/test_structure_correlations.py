"""g(r) and S(k) against closed forms: ideal gas, crystals, and plain sums."""

import numpy as np
import pytest

from glasscast.errors import ShapeError
from glasscast.liquid.correlations import radial_distributions, structure_factors


def lattice(side, dimension=3):
    """Simple cubic (square) lattice of spacing 1, whose two species alternate."""
    points = np.stack(np.meshgrid(*[np.arange(side)] * dimension, indexing="ij"), -1)
    points = points.reshape(-1, dimension)
    return (
        points.astype(float),
        (points.sum(axis=1) % 2).astype(np.int8),
        np.full(dimension, float(side)),
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_ideal_gas_is_structureless(rng, dimension):
    box, types = np.full(dimension, 10.0), (np.arange(3000) % 3 == 2).astype(np.int8)
    positions = rng.uniform(0, 10, (3000, dimension))
    for g in radial_distributions(positions, types, box, np.linspace(0, 4, 5)).values():
        np.testing.assert_allclose(g[1:], 1, atol=0.06)
    s = structure_factors(positions, types, box, np.array([0.0, 6.0]))
    for pair, value in {(0, 0): 1, (0, 1): 0, (1, 1): 1}.items():
        # each wave vector is exponentially distributed: a spread of 1 over the root of their number
        assert s[pair] == pytest.approx(value, abs=4 * (60 if dimension == 2 else 450) ** -0.5)


@pytest.mark.parametrize(
    ("dimension", "shells"), [(2, {1: 4, 2: 4, 4: 4}), (3, {1: 6, 2: 12, 3: 8})]
)
def test_crystal_has_its_shells_of_neighbours(dimension, shells):
    positions, types, box = lattice(6, dimension)
    edges = np.linspace(0, 2.9, 291)
    one = radial_distributions(positions, np.zeros_like(types), box, edges)[0, 0]
    volume = np.diff(np.pi * edges**2 if dimension == 2 else 4 / 3 * np.pi * edges**3)
    counts = one * volume * (len(positions) - 1) / len(positions)
    for square, number in shells.items():
        near = np.abs((edges[1:] + edges[:-1]) / 2 - square**0.5) < 0.011
        assert counts[near].sum() == pytest.approx(number)
    # Alternating species: nearest neighbours are unlike, next nearest alike.
    parts = radial_distributions(positions, types, box, edges)
    at_one = np.abs(edges[1:] - 1.0) < 0.015
    assert parts[0, 0][at_one].max() == parts[1, 1][at_one].max() == 0
    assert parts[0, 1][at_one].max() > 2 * one[at_one].max() * 0.9


def test_crystal_scatters_only_at_its_reciprocal_lattice():
    positions, types, box = lattice(6)
    edges = np.arange(0, 6.4, 0.05)
    s = structure_factors(positions, np.zeros_like(types), box, edges)[0, 0]
    peak = np.flatnonzero((edges[:-1] < 2 * np.pi) & (edges[1:] > 2 * np.pi))[0]
    # |n|^2 = 36: of the 30 vectors of this length, the 6 like (6, 0, 0) are Bragg peaks of height N
    assert s[peak] == pytest.approx(216 * 6 / 30)
    assert np.nanmax(np.delete(s, peak)) < 1e-20
    # The superlattice of alternating species scatters at (1/2, 1/2, 1/2), unlike against alike.
    parts = structure_factors(positions, types, box, edges)
    super_peak = np.flatnonzero((edges[:-1] < np.pi * 3**0.5) & (edges[1:] > np.pi * 3**0.5))[0]
    assert parts[0, 0][super_peak] == pytest.approx(-parts[0, 1][super_peak])
    assert parts[0, 0][super_peak] > 1


def test_partials_equal_plain_sums_and_add_up(rng):
    box, positions = np.array([6.0, 7.0, 8.0]), rng.uniform(0, 6, (50, 3))
    types = np.repeat([0, 1, 2], [30, 19, 1]).astype(np.int8)
    edges = np.array([0.0, 1.0, 2.0, 3.0])
    g, s = radial_distributions(positions, types, box, edges), structure_factors(
        positions, types, box, edges
    )  # fmt: skip
    assert np.isnan(g[2, 2]).all()  # a single particle has no pair
    away = positions[:, None] - positions
    distances = np.linalg.norm(away - box * np.round(away / box), axis=-1)
    n = range(-4, 5)
    waves = 2 * np.pi * np.array([(i, j, k) for i in n for j in n for k in n]) / box
    sizes = np.linalg.norm(waves, axis=1)
    for (a, b), mine in g.items():
        mask = (types[:, None] == a) & (types == b) & ~np.eye(50, dtype=bool)
        if mask.any():
            counts, _ = np.histogram(distances[mask], edges)
            shell = 4 / 3 * np.pi * np.diff(edges**3) / np.prod(box)
            np.testing.assert_allclose(mine, counts / mask.sum() / shell)
        number = np.sqrt(np.sum(types == a) * np.sum(types == b))
        for row in range(3):
            chosen = waves[(sizes > 0) & (sizes >= edges[row]) & (sizes < edges[row + 1])]
            rho = [np.exp(1j * positions[types == c] @ chosen.T).sum(axis=0) for c in (a, b)]
            if len(chosen):
                expected = np.mean((rho[0] * rho[1].conj()).real) / number
                assert s[a, b][row] == pytest.approx(expected)
            else:
                assert np.isnan(s[a, b][row])
    total = structure_factors(positions, np.zeros(50, dtype=np.int8), box, edges)[0, 0]
    count = np.bincount(types)
    summed = sum((1 + (a != b)) * np.sqrt(count[a] * count[b]) * s[a, b] for a, b in s) / 50
    np.testing.assert_allclose(summed, total)


def test_shells_beyond_half_the_box_are_refused():
    with pytest.raises(ShapeError, match="box"):
        radial_distributions(
            np.zeros((2, 3)), np.zeros(2, np.int8), np.full(3, 5.0), np.array([0.0, 3.0])
        )
