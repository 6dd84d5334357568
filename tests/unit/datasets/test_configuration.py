import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import FIELDS
from glasscast.errors import ShapeError
from tests.conftest import labelled, random_liquid


@pytest.fixture
def parts():
    positions, types, box = random_liquid(np.random.default_rng(0), 50)
    return {"name": "a", "positions": positions, "types": types, "box": box}


def test_arrays_cannot_be_changed(parts):
    configuration = Configuration(**parts)
    with pytest.raises(ValueError, match="read-only"):
        configuration.positions[0, 0] = 0.0
    parts["positions"][0, 0] += 0.0  # the caller's own array stays writable


def _spoil(parts, **changes):
    return Configuration(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": None}, "'positions' is required"),
        ({"positions": np.zeros((50, 4)), "box": np.ones(4)}, "2 or 3 columns"),
        ({"positions": np.zeros(50)}, r"'positions' must have shape \(N, d\)"),
        ({"types": np.zeros(49, int)}, r"'types' must have shape \(N\) with N = 50"),
        ({"types": np.zeros(50)}, "'types' must hold integers"),
        ({"types": np.full(50, 300)}, "do not fit int8"),
        ({"types": np.full(50, -1)}, "count species from 0"),
        ({"types": np.array(["A"] * 50)}, "'types' must hold numbers"),
        ({"box": np.array([3.0, 3.0, -1.0])}, "must be positive"),
        ({"times": np.array([2.0, 1.0])}, "'times' must increase"),
        ({"times": np.array([1.0]), "propensity": np.zeros((2, 50))}, "T = 1"),
        ({"bonds": np.array([[0], [99]])}, "particles that do not exist"),
        ({"bonds": np.array([[0], [1]])}, "belong together"),
        ({"metadata": {"a": object()}}, "JSON"),
    ],
)
def test_what_breaks_the_contract_is_named(parts, changes, message):
    with pytest.raises(ShapeError, match=message):
        _spoil(parts, **changes)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_named_with_their_index(parts, bad):
    parts["positions"][7, 1] = bad
    with pytest.raises(ShapeError, match=r"'positions' is not finite at index \[7, 1\]"):
        Configuration(**parts)


def test_a_particle_outside_the_box_is_named(parts):
    parts["positions"][3] = parts["box"] + 0.1
    with pytest.raises(ShapeError, match=r"particle 3 at .* lies outside the box"):
        Configuration(**parts)


def test_picking_times_keeps_the_other_fields(parts):
    configuration = labelled(np.random.default_rng(0), "a", times=(1.0, 10.0, 100.0))
    picked = configuration.at_times([2, 0][::-1])
    np.testing.assert_array_equal(picked.times, [1.0, 100.0])
    np.testing.assert_array_equal(picked.propensity, configuration.propensity[[0, 2]])
    np.testing.assert_array_equal(
        picked.propensity_halves, configuration.propensity_halves[:, [0, 2]]
    )
    assert picked.time_index(100.02) == 1
    with pytest.raises(ShapeError, match="no time 10; known times: 1, 100"):
        picked.time_index(10.0)
    wider = picked.with_fields(runs=np.array([3, 4], dtype=np.int32)).with_times((1.0, 10.0, 100.0))
    assert wider.runs.tolist() == [3, 0, 4]
    assert wider.known_rows("propensity").tolist() == [True, False, True]
    np.testing.assert_array_equal(wider.at_times([0, 2]).propensity, picked.propensity)
    with pytest.raises(ShapeError, match="no time 5; known times: 1, 100"):
        picked.with_times([5.0, 7.0])


def test_every_declared_field_is_a_field_of_the_class():
    assert set(FIELDS) <= set(Configuration.__dataclass_fields__)
