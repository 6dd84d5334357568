"""Dynamic targets against a plain loop over particles, and in limits with known answers."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.datasets.targets import BOND_BREAKING, TargetAccumulator, reduce_ensemble
from glasscast.liquid.box import minimum_image
from tests.conftest import random_liquid


def naive(positions, types, box, runs, sigma):
    """All targets of one time by loops over particles and pairs; runs (R, N, d) displacements.

    The strain sees all images of a pair, bonds the nearest one.
    """
    size, dimension = positions.shape
    reach, limit = BOND_BREAKING[dimension]
    out = {key: np.zeros(size) for key in ("propensity", "bond_breaking", "R", "D")}
    change = {}
    for u in runs:
        for i in range(size):
            out["propensity"][i] += np.linalg.norm(u[i]) / len(runs)
            start, now, kept, bonds = [], [], 0, 0
            for j in range(size):
                nearest = minimum_image(positions[j] - positions[i], box)
                for image in itertools.product((-1, 0, 1), repeat=dimension):
                    a = nearest + image * box
                    if 0 < np.linalg.norm(a) < 1.6:
                        start.append(a)
                        now.append(a + u[j] - u[i])
                if i == j:
                    continue
                a, b = nearest, nearest + u[j] - u[i]
                r0, r1 = np.linalg.norm(a), np.linalg.norm(b)
                s = sigma[types[i], types[j]]
                if r0 < 2.0 and i < j:
                    change[i, j] = change.get((i, j), 0.0) + (r1 - r0) / len(runs)
                if r0 < reach * s:
                    bonds += 1
                    kept += r1 < limit * s
            out["bond_breaking"][i] += (kept / bonds if bonds else 1.0) / len(runs)
            a, b = np.array(start), np.array(now)
            strain = np.linalg.lstsq(a, b, rcond=None)[0]
            left = b - a @ strain
            out["R"][i] += np.linalg.norm(left.sum(axis=0)) / len(a) / len(runs)
            out["D"][i] += np.sqrt((left**2).sum() / len(a)) / len(runs)
    return out, change


@pytest.mark.parametrize(("dimension", "size"), [(2, 70), (3, 90), (2, 6), (3, 12)])
def test_all_targets_equal_a_plain_loop(dimension, size):
    """Also in boxes smaller than twice a cutoff."""
    rng = np.random.default_rng(3)
    positions, types, box = random_liquid(rng, size, dimension)
    runs = rng.normal(scale=0.3, size=(4, *positions.shape))
    sigma = np.array([[1.0, 0.8], [0.8, 0.88]])
    accumulator = TargetAccumulator(positions, types, box, np.array([1.0]), sigma)
    for r, u in enumerate(runs):
        accumulator.add(0, r, u)
    fields = accumulator.result()
    expected, change = naive(positions, types, box, runs, sigma)
    pairs = {tuple(pair): k for k, pair in enumerate(fields["bonds"].T.tolist())}
    assert pairs.keys() == change.keys()
    got = np.array([fields["bond_change"][0, pairs[pair]] for pair in change])
    np.testing.assert_allclose(got, list(change.values()), atol=1e-6)
    for key, name in (("propensity",) * 2, ("bond_breaking",) * 2):
        np.testing.assert_allclose(fields[key][0], expected[name], rtol=1e-5)
    np.testing.assert_allclose(fields["neighbour_relative"][0], expected["R"], atol=1e-6)
    np.testing.assert_allclose(fields["nonaffine"][0], expected["D"], atol=1e-6)
    np.testing.assert_allclose(fields["tendency"][0], runs.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(
        fields["propensity_halves"].mean(axis=0), fields["propensity"], rtol=1e-6
    )
    np.testing.assert_allclose(
        fields["bond_change_halves"].mean(axis=0), fields["bond_change"], atol=1e-6
    )


def _of(positions, types, box, displacement):
    accumulator = TargetAccumulator(positions, types, box, np.array([1.0]))
    accumulator.add(0, 0, displacement)
    return accumulator.result()


def test_a_drift_common_to_all_moves_no_pair():
    positions, types, box = random_liquid(np.random.default_rng(0), 120)
    fields = _of(positions, types, box, np.tile([0.3, -0.2, 5.0], (120, 1)))
    np.testing.assert_allclose(fields["propensity"], np.hypot(np.hypot(0.3, 0.2), 5.0), rtol=1e-6)
    assert np.abs(fields["bond_change"]).max() < 1e-6
    assert fields["bond_breaking"].min() == 1.0
    assert fields["neighbour_relative"].max() < 1e-6
    assert fields["nonaffine"].max() < 1e-5


def test_a_uniform_strain_is_affine():
    """Away from the periodic boundary a linear map of space leaves R = D = 0."""
    positions, types, box = random_liquid(np.random.default_rng(0), 400)
    strain = 0.1 * np.random.default_rng(1).normal(size=(3, 3))
    fields = _of(positions, types, box, (positions - box / 2) @ strain.T)
    inside = np.all(np.abs(positions - box / 2) < box / 2 - 1.6, axis=1)
    assert inside.sum() > 20
    assert fields["neighbour_relative"][0, inside].max() < 1e-6
    assert fields["nonaffine"][0, inside].max() < 1e-5
    assert fields["propensity"][0, inside].max() > 0.1


def test_scalar_targets_do_not_change_when_space_is_rotated():
    """Rotation by a lattice symmetry: swap axes of a cubic box."""
    rng = np.random.default_rng(5)
    positions, types, box = random_liquid(rng, 120)
    u = rng.normal(scale=0.4, size=positions.shape)
    turn = Rotation.from_euler("z", 90, degrees=True).as_matrix().round()
    turned = np.mod(positions @ turn.T, box)
    before, after = _of(positions, types, box, u), _of(turned, types, box, u @ turn.T)
    for key in ("propensity", "bond_breaking", "neighbour_relative", "nonaffine"):
        np.testing.assert_allclose(before[key], after[key], atol=1e-5)
    np.testing.assert_allclose(before["tendency"] @ turn.T, after["tendency"], atol=1e-6)


def test_a_lone_particle_loses_no_bond():
    box = np.full(3, 6.0)
    positions = np.array([[1.0, 1, 1], [4, 4, 4], [4.9, 4, 4]])
    fields = _of(
        positions, np.zeros(3, np.int8), box, np.array([[0, 0, 1.0], [0, 0, 0], [2, 0, 0]])
    )
    np.testing.assert_array_equal(fields["bond_breaking"], [[1.0, 0.0, 0.0]])
    assert fields["neighbour_relative"][0, 0] == 0.0


def test_halves_are_even_and_odd_runs_and_missing_when_one_is_empty():
    positions, types, box = random_liquid(np.random.default_rng(0), 80)
    accumulator = TargetAccumulator(positions, types, box, np.array([1.0, 2.0]))
    for time_index in (0, 1):
        for run in range(3):
            accumulator.add(time_index, run, np.full((80, 3), run + 1.0))
    halves = accumulator.result()["propensity_halves"]
    np.testing.assert_allclose(halves[0], 2 * np.sqrt(3), rtol=1e-6)
    np.testing.assert_allclose(halves[1], 2 * np.sqrt(3), rtol=1e-6)
    assert accumulator.result()["runs"].tolist() == [3, 3]
    assert "propensity_halves" not in _of(positions, types, box, np.zeros((80, 3)))
    with pytest.raises(ValueError, match="no trajectory at t = 1"):
        TargetAccumulator(positions, types, box, np.array([1.0])).result()


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_ensemble_reduces_alike_wrapped_or_not_and_for_any_threads(wrapped):
    rng = np.random.default_rng(2)
    positions, types, box = random_liquid(rng, 100)
    runs = positions + rng.normal(scale=0.2, size=(6, 2, 100, 3))
    frames = np.mod(runs, box) if wrapped else runs

    def ensemble():
        return Ensemble(
            name="a",
            sources=(),
            parent=Frame(
                positions=positions - 3 * box if not wrapped else positions,
                types=types,
                box=box,
                absolute=not wrapped,
            ),
            times=np.array([1.0, 2.0]),
            frames=lambda: (
                RunFrame(k, r, frames[r, k] - (0 if wrapped else 3 * box), Path("a"))
                for r in range(6)
                for k in (0, 1)
            ),
            wrapped=wrapped,
        )

    one, three = reduce_ensemble(ensemble()), reduce_ensemble(ensemble(), threads=3)
    for key, array in one.arrays():
        np.testing.assert_array_equal(array, getattr(three, key))
    moved = np.linalg.norm(runs - positions, axis=-1).mean(axis=0)
    np.testing.assert_allclose(one.propensity, moved, rtol=1e-5)
    assert one.runs.tolist() == [6] * len(one.times)
