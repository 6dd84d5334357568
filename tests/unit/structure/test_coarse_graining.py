"""Streamed coarse-graining against a loop, its identities, and the physics descriptors."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasscast.structure.descriptors import coarse_graining
from glasscast.structure.descriptors.coarse_graining import coarse_grain, halving_chains
from glasscast.structure.descriptors.physics import PhysicsDescriptors
from tests.conftest import random_liquid

LENGTHS = tuple(0.5 * k for k in range(16))


def naive_sums(positions, types, box, values, lengths, species, reach=20.0):
    copies = np.array([next(2**k for k in range(9) if 2**k * side >= 11) for side in box])
    out = np.zeros((len(lengths), species, values.shape[1], len(positions)))
    for image in np.ndindex(*copies):
        for i, here in enumerate(positions):
            step = positions + image * box - here
            step -= copies * box * np.round(step / (copies * box))
            for j, r in enumerate(np.linalg.norm(step, axis=1)):
                if r > reach:
                    continue
                for k, length in enumerate(lengths):
                    out[k, types[j], :, i] += np.exp(-r / length) * values[j]
    return out


@pytest.mark.parametrize(("dimension", "density"), [(2, 1.2), (3, 0.2), (3, 0.05), (2, 0.05)])
def test_streamed_sums_equal_a_naive_loop(dimension, density, monkeypatch):
    """Also across the borders of tiles, in small boxes, and where the reach cuts pairs off."""
    monkeypatch.setattr(coarse_graining, "_ROWS", 32)
    monkeypatch.setattr(coarse_graining, "_COLUMNS", 50)
    rng = np.random.default_rng(0)
    positions, types, box = random_liquid(rng, 100, dimension, density)
    values = rng.normal(size=(100, 3))
    lengths = [0.5, 1.0, 2.0, 3.0, 7.5]
    got = coarse_grain(positions, types, box, values, lengths, 2, threads=2)
    expected = naive_sums(positions, types, box, values, lengths, 2)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
    assert (np.linalg.norm(box / 2) > 20) == ((dimension, density) == (2, 0.05))


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(1)
    positions, types, box = random_liquid(rng, 300)
    values = rng.normal(size=(300, 2))
    one, four = (
        coarse_grain(positions, types, box, values, [1.0, 2.0], 2, threads=n) for n in (1, 4)
    )
    np.testing.assert_array_equal(one, four)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=12, unique=True))
def test_every_length_is_in_one_chain_of_halves(lengths):
    chains = halving_chains(lengths)
    assert sorted(k for chain in chains for k in chain) == list(range(len(lengths)))
    for chain in chains:
        for first, second in itertools.pairwise(chain):
            assert lengths[second] == pytest.approx(lengths[first] / 2)


def test_the_published_lengths_take_eight_exponentials():
    assert len(halving_chains(LENGTHS[1:])) == 8


def physics(seed=2, size=150, dimension=3, lengths=LENGTHS):
    rng = np.random.default_rng(seed)
    positions, types, box = random_liquid(rng, size, dimension)
    energies, cells = rng.normal(-6, 0.5, size), rng.normal(5, 0.3, size)
    table = PhysicsDescriptors(2, lengths)
    values = table.compute(positions, types, box, energies, cells)
    named = dict(zip(table.feature_names(), values.T, strict=True))
    return named, types, energies, cells


def test_descriptors_obey_their_identities():
    named, types, energies, cells = physics()
    for length in LENGTHS:
        at = f"(L={length:g},"
        density = {g: named[f"density{at}{g})"] for g in ("A", "B", "all")}
        np.testing.assert_allclose(density["all"], density["A"] + density["B"], rtol=1e-12)
        for what in ("energy", "cell"):
            joined = sum(density[g] * named[f"{what}{at}{g})"] for g in "AB") / density["all"]
            np.testing.assert_allclose(named[f"{what}{at}all)"], joined, rtol=1e-10)
        for group in ("A", "B", "all"):
            assert named[f"energy-variance{at}{group})"].min() >= 0
    np.testing.assert_array_equal(named["energy(L=0,all)"], energies)
    np.testing.assert_array_equal(named["cell(L=0,all)"], cells)
    np.testing.assert_array_equal(named["density(L=0,B)"], types == 1)
    np.testing.assert_array_equal(named["energy(L=0,B)"], np.where(types == 1, energies, 0))


def test_a_long_length_gives_the_means_of_the_box():
    named, types, energies, cells = physics(size=1650, lengths=(1e7,))
    of_b = types == 1
    np.testing.assert_allclose(named["density(L=1e+07,B)"], of_b.sum(), rtol=1e-5)
    np.testing.assert_allclose(named["energy(L=1e+07,B)"], energies[of_b].mean(), rtol=1e-5)
    np.testing.assert_allclose(named["cell(L=1e+07,all)"], cells.mean(), rtol=1e-5)
    np.testing.assert_allclose(named["energy-variance(L=1e+07,all)"], energies.var(), rtol=1e-4)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), dimension=st.sampled_from([2, 3]))
def test_symmetries_of_the_box_and_relabelling_only_permute(seed, dimension):
    rng = np.random.default_rng(seed)
    positions, types, box = random_liquid(rng, 60, dimension)
    energies, cells = rng.normal(size=(2, 60))
    table, order = PhysicsDescriptors(2), rng.permutation(60)
    axes, signs = rng.permutation(dimension), rng.choice([-1, 1], dimension)
    moved = np.mod((positions[:, axes] * signs + rng.uniform(-9, 9, dimension))[order], box)
    before = table.compute(positions, types, box, energies, cells)
    after = table.compute(moved, types[order], box[axes], energies[order], cells[order])
    np.testing.assert_allclose(after, before[order], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("species", "columns"), [(2, 192), (3, 256)])
def test_the_defaults_have_the_published_number_of_descriptors(species, columns):
    names = PhysicsDescriptors(species).feature_names()
    assert len(names) == len(set(names)) == columns


def test_184_descriptors_vary_within_a_species():
    """The published network for two species has 184 inputs; the rest is constant."""
    named, types, *_ = physics()
    values = np.stack(list(named.values()), axis=1)
    for species in (0, 1):
        assert (values[types == species].std(axis=0) > 1e-5).sum() == 184
