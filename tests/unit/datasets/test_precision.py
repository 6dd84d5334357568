import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import configuration_bytes
from glasscast.datasets.precision import COORDINATES, SHARES, compacted
from glasscast.datasets.splits import split_sizes
from tests.conftest import random_liquid

RUNS = 32


@pytest.fixture
def measured(rng):
    """Labels that are means over 32 noisy runs, whose true values and errors are known."""
    positions, types, box = random_liquid(rng)
    times, size = np.array([0.1, 10.0]), len(types)
    spread = np.array([0.04, 0.25])[:, None]
    truth = {key: rng.random((2, size)) for key in ("propensity", "neighbour_relative")}
    runs = {k: v + spread * rng.normal(size=(RUNS, 2, size)) for k, v in truth.items()}
    bonds = np.stack([np.arange(size - 1), np.arange(1, size)])
    edge = rng.normal(size=(2, size - 1)) + 1.4 * spread * rng.normal(size=(2, size - 1)) / 32**0.5
    # beside the upper face, where rounding would leave the box
    inherent = np.minimum(positions, np.nextafter(box, 0))
    inherent[0] = np.nextafter(box, 0)
    return Configuration(
        name="c", positions=positions, types=types, box=box, times=times,
        inherent=inherent, cage=inherent, bonds=bonds, bond_change=edge,
        propensity_halves=np.stack([runs["propensity"][k::2].mean(axis=0) for k in (0, 1)]),
        **{key: value.mean(axis=0) for key, value in runs.items()},
    )  # fmt: skip


def test_rounding_is_far_below_the_error_and_saves_space(measured):
    small = compacted(measured)
    error = np.array([0.04, 0.25]) / np.sqrt(RUNS)
    for key in ("propensity", "neighbour_relative"):
        added = np.std(getattr(small, key) - getattr(measured, key), axis=-1)
        assert np.all(added > 0)
        assert np.all(np.hypot(added, error) < 1.02 * error)
    added = np.std(small.bond_change - measured.bond_change, axis=-1)
    assert np.all(np.hypot(added, 1.4 * error) < 1.06 * 1.4 * error)
    assert len(configuration_bytes(small)) < 0.7 * len(configuration_bytes(measured))
    np.testing.assert_array_equal(small.positions, measured.positions)


def test_coordinates_stay_in_the_box_and_near(measured):
    small = compacted(measured)
    for key, resolution in COORDINATES.items():
        moved = getattr(small, key) - getattr(measured, key)
        moved -= measured.box * np.round(moved / measured.box)
        # the upper face may be less than a step from a multiple of the step
        assert np.abs(moved).max() <= resolution
        np.testing.assert_array_equal(getattr(small, key) % resolution, 0)


def test_rounding_twice_is_rounding_once(measured):
    once = compacted(measured)
    np.testing.assert_array_equal(compacted(once).bond_change, once.bond_change)


def test_without_halves_labels_are_kept(measured):
    bare = measured.with_fields(propensity_halves=None)
    for key in SHARES:
        if getattr(bare, key) is not None:
            np.testing.assert_array_equal(getattr(compacted(bare), key), getattr(bare, key))


def test_split_sizes_add_up():
    assert split_sizes({"train": 13, "test": 7}, 20) == {"train": 13, "test": 7}
    assert split_sizes({"train": 0.65, "test": 0.35}, 20) == {"train": 13, "test": 7}
    assert split_sizes({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 10) == {"a": 3, "b": 4, "c": 3}
