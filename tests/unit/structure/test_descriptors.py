"""Shell descriptors against a direct evaluation, crystals, and the symmetries of space."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from glasscast.structure.descriptors.shell_averages import averaging_matrix, generations
from glasscast.structure.descriptors.shells import RadialShells, ShellDescriptors
from tests.conftest import random_liquid


def small(species: int = 2, **changes) -> ShellDescriptors:
    """Two radial and two angular shells whose cutoff fits a box of 200 particles."""
    settings = {
        "radial": (RadialShells(np.array([1.0, 1.3]), 0.05), RadialShells(np.array([1.8]), 0.1)),
        "angular_radii": np.array([1.1, 1.7]),
        "angular_width": 0.1,
        "degrees": 6,
    }
    return ShellDescriptors(species, **(settings | changes))


def direct(shells: ShellDescriptors, positions, types, box, i: int) -> list[float]:
    """Equations 1-3 written out for one particle, complex harmonics and no cutoff."""
    vectors = positions - positions[i]
    vectors -= box * np.round(vectors / box)
    r = np.linalg.norm(vectors, axis=1)
    other = np.arange(len(r)) != i
    out = [
        np.exp(-((r[other & (types == s)] - radius) ** 2) / (2 * block.width**2)).sum()
        for s in range(shells.species)
        for block in shells.radial
        for radius in block.radii
    ]
    v, r = vectors[other], r[other]
    for radius in shells.angular_radii:
        w = np.exp(-((r - radius) ** 2) / (2 * shells.angular_width**2))
        for degree in range(1, shells.degrees + 1):
            if len(box) == 2:
                theta = np.arctan2(v[:, 1], v[:, 0])
                out.append(abs((w * np.exp(1j * degree * theta)).sum()) / w.sum())
                continue
            theta, phi = np.arccos(v[:, 2] / r), np.arctan2(v[:, 1], v[:, 0])
            q = [(w * sph_harm_y(degree, m, theta, phi)).sum() for m in range(-degree, degree + 1)]
            power = (np.abs(np.array(q) / w.sum()) ** 2).sum()
            out.append(np.sqrt(4 * np.pi / (2 * degree + 1) * power))
    return out


@pytest.mark.parametrize("dimension", [2, 3])
def test_descriptors_equal_their_definition(dimension):
    positions, types, box = random_liquid(np.random.default_rng(0), 250, dimension)
    shells = small()
    values = shells.compute(positions, types, box)
    assert values.shape == (250, len(shells.feature_names()))
    for i in (0, 17, 249):
        expected = direct(shells, positions, types, box, i)
        # Cutting Gaussians at six widths leaves out about 1e-8 a neighbour.
        np.testing.assert_allclose(values[i], expected, atol=1e-6)


def test_threads_do_not_change_a_bit():
    positions, types, box = random_liquid(np.random.default_rng(0), 300)
    one, four = (small().compute(positions, types, box, threads=n) for n in (1, 4))
    np.testing.assert_array_equal(one, four)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_rotation_translation_reflection_permutation(seed):
    """In a box much larger than the cluster any rotation is allowed."""
    rng = np.random.default_rng(seed)
    box = np.full(3, 30.0)
    cluster = rng.uniform(-2.5, 2.5, (40, 3))
    types = (rng.random(40) < 0.3).astype(np.int8)
    turn = Rotation.random(rng=rng).as_matrix() * rng.choice([-1.0, 1.0])
    order = rng.permutation(40)
    moved = np.mod((cluster @ turn.T + rng.uniform(-20, 20, 3))[order], box)
    shells = small()
    before = shells.compute(np.mod(cluster + 15, box), types, box)
    after = shells.compute(moved, types[order], box)
    np.testing.assert_allclose(after, before[order], atol=1e-10)


def fcc(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Face-centred cubic crystal with nearest-neighbour distance 1."""
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    return (corners + basis).reshape(-1, 3) * np.sqrt(2), np.full(3, cells * np.sqrt(2))


def test_fcc_in_a_narrow_shell_has_its_known_bond_order():
    positions, box = fcc(4)
    shells = ShellDescriptors(
        1, radial=(), angular_radii=np.array([1.0]), angular_width=0.02, degrees=8
    )
    q = shells.compute(positions, np.zeros(len(positions), np.int8), box)
    # Steinhardt, Nelson, Ronchetti, PRB 28, 784 (1983): q4 = 0.1909, q6 = 0.5745, q8 = 0.4039.
    np.testing.assert_allclose(q[:, [3, 5, 7]], [[0.19094, 0.57452, 0.40391]] * len(q), atol=1e-4)
    np.testing.assert_allclose(q[:, [0, 2, 4, 6]], 0, atol=1e-10)  # inversion: no odd degrees


def test_fcc_counts_twelve_nearest_neighbours():
    positions, box = fcc(4)
    shells = ShellDescriptors(
        1, radial=(RadialShells(np.array([1.0]), 0.02),), angular_radii=np.empty(0)
    )
    density = shells.compute(positions, np.zeros(len(positions), np.int8), box)
    np.testing.assert_allclose(density, 12, atol=1e-9)


def test_an_empty_neighbourhood_gives_zeros():
    box = np.full(3, 20.0)
    positions = np.array([[1.0, 1, 1], [10, 10, 10]])
    np.testing.assert_array_equal(small().compute(positions, np.zeros(2, np.int8), box), 0)


def test_the_defaults_have_the_published_number_of_descriptors():
    names = ShellDescriptors(2).feature_names()
    assert len(names) == len(set(names)) == 392
    assert sum(name.startswith("G") for name in names) == 200


def test_shells_that_hard_spheres_cannot_reach_are_left_out_as_published():
    whole, hard = ShellDescriptors(2), ShellDescriptors(2).beyond(0.85)
    names = hard.feature_names()
    assert sum(name.startswith("G") for name in names) == 172
    assert len(names) == 172 + 192
    assert names[0] == "G(r=0.850,s=A)"
    positions, types, box = random_liquid(np.random.default_rng(1), 120)
    kept = [whole.feature_names().index(name) for name in names]
    expected = whole.compute(positions, types, box)[:, kept]
    # particles that only a shell left out could see are cut off at their tail of 1.5e-8
    np.testing.assert_allclose(hard.compute(positions, types, box), expected, atol=1e-7)
    assert ShellDescriptors(2).beyond(5.0).radial == ()
    assert ShellDescriptors(2).beyond(0.0).feature_names() == whole.feature_names()


def test_averaging_keeps_a_constant_and_equals_its_definition():
    positions, _, box = random_liquid(np.random.default_rng(1), 120)
    average = averaging_matrix(positions, box, 1.9)
    np.testing.assert_allclose(average @ np.full(120, 7.0), 7.0, rtol=1e-12)
    values = np.random.default_rng(2).normal(size=(120, 3))
    vectors = positions[None] - positions[:, None]
    r = np.linalg.norm(vectors - box * np.round(vectors / box), axis=2)
    weights = np.where(r < 1.9, np.exp(-r / 1.9), 0)  # the diagonal has weight 1
    expected = [values]
    for _ in range(2):
        expected.append(weights @ expected[-1] / weights.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(
        generations(values, average, 2), np.hstack(expected), rtol=1e-10, atol=1e-12
    )
