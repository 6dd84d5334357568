import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glasscast.errors import ShapeError
from glasscast.liquid.box import check_cutoff, minimum_image, wrap
from glasscast.liquid.neighbours import find_neighbours
from tests.conftest import random_liquid

coordinates = arrays(np.float64, (7, 3), elements=st.floats(-50, 50))
sides = arrays(np.float64, 3, elements=st.floats(1, 20))


@given(coordinates, sides)
def test_wrapped_positions_lie_in_the_box_at_lattice_distance(positions, box):
    wrapped = wrap(positions, box)
    assert np.all((wrapped >= 0) & (wrapped < box))
    turns = (wrapped - positions) / box
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)


def test_a_tiny_negative_coordinate_does_not_land_on_the_upper_face():
    assert wrap(np.array([[-1e-18, 0.0]]), np.array([3.0, 3.0]))[0, 0] == 0.0


@given(coordinates, sides)
def test_minimum_image_is_no_longer_than_any_neighbouring_image(vectors, box):
    shortest = np.linalg.norm(minimum_image(vectors, box), axis=1)
    for shift in np.ndindex(3, 3, 3):
        other = minimum_image(vectors, box) + (np.array(shift) - 1) * box
        assert np.all(shortest <= np.linalg.norm(other, axis=1) + 1e-9)


@pytest.mark.parametrize("dimension", [2, 3])
def test_neighbours_equal_a_naive_search(dimension):
    positions, _, box = random_liquid(np.random.default_rng(1), 150, dimension)
    cutoff = 1.9
    found = find_neighbours(positions, box, cutoff)
    vectors = positions[None] - positions[:, None]
    vectors -= box * np.round(vectors / box)
    distances = np.linalg.norm(vectors, axis=2)
    i, j = np.nonzero((distances < cutoff) & ~np.eye(len(positions), dtype=bool))
    np.testing.assert_array_equal(found.receivers, i)
    np.testing.assert_array_equal(found.senders, j)
    np.testing.assert_allclose(found.vectors, vectors[i, j], atol=1e-12)
    np.testing.assert_allclose(found.distances, distances[i, j], atol=1e-12)
    np.testing.assert_array_equal(found.offsets, np.searchsorted(i, np.arange(len(positions) + 1)))


@pytest.mark.parametrize("cutoff", [0.1, 1.0, 1.5])
def test_narrowing_equals_searching_anew(cutoff):
    positions, _, box = random_liquid(np.random.default_rng(2), 150)
    narrow = find_neighbours(positions, box, 1.9).within(cutoff)
    anew = find_neighbours(positions, box, cutoff)
    np.testing.assert_array_equal(narrow.senders, anew.senders)
    np.testing.assert_array_equal(narrow.offsets, anew.offsets)


def test_a_box_smaller_than_twice_the_cutoff_is_refused():
    with pytest.raises(ShapeError, match=r"smaller than twice the cutoff 2\.6"):
        check_cutoff(2.6, np.array([5.0, 9.0]))
