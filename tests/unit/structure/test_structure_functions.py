"""Structure functions against a direct evaluation and on arrangements with known values."""

import numpy as np
import pytest

from glasscast.structure.descriptors.structure_functions import ANGULAR, StructureFunctions
from tests.conftest import random_liquid


def small(species=2):
    return StructureFunctions(species, radii=np.array([1.0, 1.4]), angular_cutoff=1.6)


def direct(functions, positions, types, box, i):
    vectors = positions - positions[i]
    vectors -= box * np.round(vectors / box)
    r = np.linalg.norm(vectors, axis=1)
    other = np.arange(len(r)) != i
    out = [
        np.exp(-((r[other & (types == s)] - mu) ** 2) / functions.width**2).sum()
        for s in range(functions.species)
        for mu in functions.radii
    ]
    near = np.flatnonzero(other & (r < functions.angular_cutoff))
    for xi, zeta, sign in functions.angular:
        for pair in functions.pairs:
            total = 0.0
            for a, j in enumerate(near):
                for k in near[a + 1 :]:
                    if tuple(sorted((types[j], types[k]))) != pair:
                        continue
                    cosine = vectors[j] @ vectors[k] / (r[j] * r[k])
                    side = np.linalg.norm(vectors[j] - vectors[k])
                    square = r[j] ** 2 + r[k] ** 2 + side**2
                    total += np.exp(-square / xi**2) * (1 + sign * cosine) ** zeta
            out.append(total)
    return out


@pytest.mark.parametrize("dimension", [2, 3])
def test_functions_equal_their_definition(dimension):
    positions, types, box = random_liquid(np.random.default_rng(0), 90, dimension)
    functions = small()
    values = functions.compute(positions, types, box, threads=2)
    assert values.shape == (90, len(functions.feature_names()))
    for i in (0, 41, 89):
        expected = direct(functions, positions, types, box, i)
        np.testing.assert_allclose(values[i], expected, rtol=1e-9, atol=1e-6)


def test_a_right_angle_has_its_closed_form():
    """Neighbours at 1 and 1.2 under 90 degrees: the cosine vanishes, r_jk is the hypotenuse."""
    positions = np.array([[5.0, 5, 5], [6.0, 5, 5], [5.0, 6.2, 5]])
    functions = StructureFunctions(1, radii=np.array([1.0]), angular_cutoff=1.3)
    values = functions.compute(positions, np.zeros(3, np.int8), np.full(3, 20.0))
    square = 2 * (1 + 1.2**2)
    expected = [np.exp(-square / xi**2) for xi, _, _ in ANGULAR]
    np.testing.assert_allclose(values[0, 1:], expected, rtol=1e-12)
    np.testing.assert_array_equal(values[1:, 1:], 0)  # the others have one neighbour each


def test_the_defaults_have_160_functions_for_two_species():
    names = StructureFunctions(2).feature_names()
    assert len(names) == len(set(names)) == 160
