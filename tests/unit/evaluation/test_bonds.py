"""Pair-distance changes against loops over particles, scored like any other forecast."""

import numpy as np
import pytest

from glasscast.config import checked
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.targets import TargetAccumulator
from glasscast.errors import SettingsError, ShapeError
from glasscast.evaluation.bonds import (
    JudgedPairs,
    joint_distribution,
    locally_averaged_displacement,
)
from glasscast.evaluation.ceiling import noise_ceiling
from glasscast.evaluation.score_table import best_model
from glasscast.evaluation.scores import evaluate
from glasscast.liquid.box import minimum_image
from glasscast.models.forecast import ModelForecast
from glasscast.workflows.import_data import import_data
from tests.conftest import random_liquid

TIMES = np.array([1.0, 10.0])


def measured(seed: int, **fields) -> tuple[Configuration, np.ndarray]:
    """Configuration, and the displacements (R, T, N, d) of the runs behind its labels."""
    rng = np.random.default_rng(seed)
    positions, types, box = random_liquid(rng, 60, 3)
    own = rng.normal(scale=0.2, size=positions.shape)  # what the runs have in common
    runs = own + rng.normal(scale=0.2, size=(4, 2, *positions.shape))
    accumulator = TargetAccumulator(positions, types, box, TIMES)
    for r, run in enumerate(runs):
        for t, moves in enumerate(run):
            accumulator.add(t, r, moves)
    labels = accumulator.result() | fields
    return Configuration(name=f"c{seed}", positions=positions, types=types, box=box, **labels), runs


def change_of(configuration, runs, i, j) -> np.ndarray:
    """Mean change of one distance, (T,), from the paths of the two particles alone."""
    apart = minimum_image(
        configuration.positions[j] - configuration.positions[i], configuration.box
    )
    later = apart + runs[:, :, j] - runs[:, :, i]
    return np.mean(np.linalg.norm(later, axis=2) - np.linalg.norm(apart), axis=0)


def forecast(configuration, bonds, change, values=None) -> ModelForecast:
    nothing = np.full((len(change), configuration.size), np.nan, dtype=np.float32)
    return ModelForecast(
        configuration=configuration, model="m", times=configuration.times,
        values=nothing if values is None else values, bonds=bonds.astype(np.int32),
        bond_change=change.astype(np.float32),
    )  # fmt: skip


def near_pairs(configuration, kinds, closer_than):
    found = []
    for i in range(configuration.size):
        for j in range(i + 1, configuration.size):
            apart = minimum_image(
                configuration.positions[j] - configuration.positions[i], configuration.box
            )
            same = sorted(configuration.types[[i, j]].tolist()) == list(kinds)
            if same and np.linalg.norm(apart) < closer_than:
                found.append((i, j))
    return found


@pytest.mark.parametrize(("name", "kinds"), [("A-A", (0, 0)), ("B-A", (0, 1))])
def test_scores_are_those_of_the_runs_themselves(name, kinds):
    """Pearson over near pairs of the species, forecast against a loop over trajectories."""
    rng, made = np.random.default_rng(0), [measured(seed) for seed in (1, 2, 3)]
    said, expected, ceilings = [], [], []
    for configuration, runs in made:
        bonds = np.array(configuration.bonds)[::-1]  # the other end first
        change = rng.normal(size=(2, bonds.shape[1]))
        change += 3 * configuration.bond_change
        said.append(forecast(configuration, bonds, change))
        known = {frozenset(pair): k for k, pair in enumerate(bonds.T.tolist())}
        pairs = near_pairs(configuration, kinds, 1.35)
        x = np.array([change[:, known[frozenset(pair)]] for pair in pairs])
        y = np.array([change_of(configuration, runs, *pair) for pair in pairs])
        expected.append([np.corrcoef(x[:, t], y[:, t])[0, 1] for t in range(2)])
        halves = np.stack([
            [change_of(configuration, runs[half::2], *pair) for pair in pairs] for half in (0, 1)
        ])  # fmt: skip
        ceilings.append(halves)
    truths = [configuration for configuration, _ in made]
    table = evaluate(said, truths, pairs=JudgedPairs(species=(name,)))
    assert table.values_of("target") == ["bond_change"]  # and nothing of particles
    assert table.values_of("species") == ["-".join(sorted(name.split("-")))]
    for t, time in enumerate(TIMES):
        (row,) = table.select(metric="pearson_mean", time=time)
        assert row.value == pytest.approx(np.mean([e[t] for e in expected]), abs=1e-6)
        assert row.ceiling == pytest.approx(noise_ceiling([h[:, :, t] for h in ceilings]), abs=1e-5)
        assert row.n_particles == sum(len(h[0]) for h in ceilings)


def test_scores_of_an_import_are_those_of_the_end_positions_in_its_file(tmp_path):
    """From a file of end positions that left the box to the score, beside plain arrays alone."""
    rng = np.random.default_rng(7)
    start, types, _ = random_liquid(rng, 96, 3)
    side = (len(start) / 1.2) ** (1 / 3)  # the file's format has no box
    start = start % side
    ends = start + rng.normal(scale=0.3, size=(6, *start.shape)).cumsum(axis=2)
    arrays = {"types": types, "initial_positions": start, "positions": ends}
    np.savez(tmp_path / "isoconfig_N96T0.44_1_tc07.npz", **arrays)
    (configuration,) = import_data(tmp_path / "isoconfig_N96T0.44_1_tc07.npz", tmp_path / "data")
    apart = start[:, None] - start[None]
    apart -= side * np.round(apart / side)
    later = apart + (ends - start)[:, :, None] - (ends - start)[:, None]
    change = (np.linalg.norm(later, axis=3) - np.linalg.norm(apart, axis=2)).mean(axis=0)
    i, j = configuration.bonds
    np.testing.assert_allclose(configuration.bond_change[0], change[i, j], atol=1e-6)
    guess = change + rng.normal(size=change.shape)
    said = forecast(configuration, configuration.bonds, guess[i, j][None])
    near = np.triu((np.linalg.norm(apart, axis=2) < 1.35) & ((types[:, None] + types) == 0), 1)
    (row,) = evaluate([said], [configuration]).select(metric="pearson_mean")
    assert row.value == pytest.approx(np.corrcoef(guess[near], change[near])[0, 1], abs=1e-6)
    assert row.n_particles == near.sum()


def test_a_pair_without_a_forecast_makes_the_score_undefined():
    configuration, _ = measured(1)
    bonds, change = configuration.bonds, configuration.bond_change
    near = near_pairs(configuration, (0, 0), 1.35)[0]
    keep = np.array([tuple(pair) != near for pair in bonds.T.tolist()])
    table = evaluate([forecast(configuration, bonds[:, keep], change[:, keep])], [configuration])
    assert np.isnan([row.value for row in table]).all()


def test_particles_and_pairs_are_scored_side_by_side():
    configuration, _ = measured(1)
    both = forecast(
        configuration, configuration.bonds, configuration.bond_change, configuration.propensity
    )
    table = evaluate([both], [configuration])
    assert table.values_of("target") == ["propensity", "bond_change"]
    assert table.values_of("species") == ["A", "B", "A-A"]
    assert best_model(table) == "m"
    lone = configuration.with_fields(bonds=None, bond_change=None, bond_change_halves=None)
    assert evaluate([both], [lone]).values_of("target") == ["propensity"]


def test_pairs_beyond_what_was_measured_cannot_be_judged():
    metadata = {"definitions": {"bonds": 1.2}}
    configuration, _ = measured(1, metadata=metadata)
    said = forecast(configuration, configuration.bonds, configuration.bond_change)
    with pytest.raises(ShapeError, match=r"pairs closer than 1\.35 cannot"):
        evaluate([said], [configuration])
    assert len(evaluate([said], [configuration], pairs=JudgedPairs(closer_than=1.2)))
    with pytest.raises(SettingsError, match="species"):
        checked(JudgedPairs, {"species": ["AA"]})


def test_local_averages_equal_a_loop_over_neighbours():
    configuration, runs = measured(4)
    found = locally_averaged_displacement(configuration, 1.2)
    for i in (0, 17, 59):
        apart = minimum_image(
            configuration.positions - configuration.positions[i], configuration.box
        )
        near = np.linalg.norm(apart, axis=1) < 1.2  # itself among them
        expected = runs[:, :, near].mean(axis=(0, 2))
        np.testing.assert_allclose(found[:, i], expected, atol=1e-6)
    bare = configuration.with_fields(tendency=None)
    with pytest.raises(ShapeError, match="has no 'tendency'"):
        locally_averaged_displacement(bare)


def test_joint_distribution_is_a_density_and_knows_a_line():
    configuration, _ = measured(5)
    i, j = configuration.bonds
    apart = minimum_image(
        configuration.positions[j] - configuration.positions[i], configuration.box
    )
    line = 0.5 - 0.5 * np.linalg.norm(apart, axis=1)
    change = np.stack([line, np.full(len(line), np.nan)])  # nothing known at the second time
    given = configuration.with_fields(bond_change=change, bond_change_halves=None)
    found = joint_distribution([given])
    assert found.times.tolist() == [1.0]
    np.testing.assert_allclose(found.correlation, [-1.0])
    area = np.diff(found.r)[:, None] * np.diff(found.change[0])
    assert (found.density[0] * area).sum() == pytest.approx(1.0)
    assert found.r[-1] == 1.35
    assert joint_distribution([given], pair="C-C") is None
