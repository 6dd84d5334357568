"""Voronoi cells tile the box and have the known sizes of simple arrangements."""

import numpy as np
import pytest

from glasscast.structure.descriptors.voronoi import voronoi_cells
from tests.conftest import random_liquid

pytest.importorskip("pyvoro2")


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("radical", [False, True])
def test_cells_tile_the_box(dimension, radical):
    rng = np.random.default_rng(dimension)
    positions, types, box = random_liquid(rng, 400, dimension)
    radii = np.array([0.5, 0.44])[types] if radical else None
    cells = voronoi_cells(positions, box, radii)
    assert cells.volume.sum() == pytest.approx(np.prod(box), rel=1e-9)
    # No body is rounder than a sphere: the isoperimetric inequality.
    if dimension == 3:
        assert (cells.surface**3 > 36 * np.pi * cells.volume**2).all()
    else:
        assert (cells.surface**2 > 4 * np.pi * cells.volume).all()


@pytest.mark.parametrize("dimension", [2, 3])
def test_equal_radii_give_ordinary_cells(dimension):
    positions, _, box = random_liquid(np.random.default_rng(5), 200, dimension)
    plain, radical = (voronoi_cells(positions, box, r) for r in (None, np.full(200, 0.4)))
    np.testing.assert_allclose(radical.volume, plain.volume, rtol=1e-10)
    np.testing.assert_allclose(radical.surface, plain.surface, rtol=1e-10)


@pytest.mark.parametrize("dimension", [2, 3])
def test_slabs_of_two_sizes_have_their_exact_cells(dimension):
    """Between sites a apart the radical plane lies (R1^2 - R2^2) / 2a off the middle."""
    a, count = 1.1, 6
    sites = np.stack(np.meshgrid(*[np.arange(count)] * dimension, indexing="ij"), -1)
    sites = sites.reshape(-1, dimension)
    radii = np.where(sites[:, 0] % 2 == 0, 0.5, 0.44)
    order = np.random.default_rng(0).permutation(len(sites))
    positions, radii = ((sites + 0.5) * a)[order], radii[order]
    cells = voronoi_cells(positions, np.full(dimension, count * a), radii)
    width = a + np.where(radii == 0.5, 1, -1) * (0.5**2 - 0.44**2) / a
    np.testing.assert_allclose(cells.volume, width * a ** (dimension - 1), rtol=1e-9)
    expected = 2 * a + 2 * width if dimension == 2 else 2 * a**2 + 4 * a * width
    np.testing.assert_allclose(cells.surface, expected, rtol=1e-8)


def test_sizes_follow_their_particles():
    positions, types, box = random_liquid(np.random.default_rng(7), 150)
    radii = np.array([0.5, 0.44])[types]
    order = np.random.default_rng(8).permutation(150)
    before = voronoi_cells(positions, box, radii)
    moved = np.mod(positions[order] + [1.0, 2.0, 3.0], box)
    after = voronoi_cells(moved, box, radii[order])
    np.testing.assert_allclose(after.volume, before.volume[order], rtol=1e-9)
    np.testing.assert_allclose(after.surface, before.surface[order], rtol=1e-8)
