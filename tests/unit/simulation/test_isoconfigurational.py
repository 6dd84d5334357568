from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.errors import SettingsError, SimulationError
from glasscast.liquid.box import minimum_image, wrap
from glasscast.liquid.definition import load_liquid
from glasscast.liquid.interactions import Liquid
from glasscast.simulation import isoconfigurational
from glasscast.simulation.equilibration import (
    Equilibrated,
    Way,
    box_of,
    equilibrated,
    first_snapshot,
    first_way,
    go_through,
    lattice,
    phases_of,
)
from glasscast.simulation.equilibrium_positions import find_inherent
from glasscast.simulation.isoconfigurational import (
    Runs,
    go_on,
    run_isoconfigurational,
    stretches,
    to_the_end,
)
from glasscast.simulation.lammps.engine import Lammps
from glasscast.simulation.lammps.settings import LammpsSettings
from glasscast.simulation.settings import EquilibrationSettings, InherentSettings

pytestmark = pytest.mark.lammps
LAMMPS = Lammps(LammpsSettings())
SHORT = EquilibrationSettings(hot_time=2, quench_time=2, time=6)
N = 300


@dataclass(frozen=True)
class Made:
    liquid: Liquid
    snapshot: Configuration
    equilibrated: Equilibrated


@pytest.fixture(scope="module")
def made():
    liquid = load_liquid("ka")
    found = first_snapshot(liquid, N, 1.0, SHORT, [1, 0], LAMMPS)
    arrays = {"positions": found.state.positions[0], "box": found.state.box[0]}
    return Made(liquid, Configuration(name="made", types=liquid.types(N), **arrays), found)


def run(made, times=(0.05, 0.1, 1.0), runs=4, temperature=1.0, seed=(3, 0), engine=LAMMPS, **more):
    return run_isoconfigurational(
        made.liquid, made.snapshot, temperature, times, runs, seed, engine, **more
    )


def test_targets_are_the_averages_of_the_trajectories(made):
    result = run(made, keep_trajectories=True)
    moved = result.trajectories.astype(float)  # (R, T, N, d)
    fields = result.fields
    np.testing.assert_allclose(fields["times"], [0.05, 0.1, 1.0])
    lengths = np.linalg.norm(moved, axis=-1)
    np.testing.assert_allclose(fields["propensity"], lengths.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(fields["tendency"], moved.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(fields["propensity_halves"][0], lengths[::2].mean(0), rtol=1e-5)
    a = made.snapshot.types == 0
    squared = np.mean(np.sum(moved[:, :, a] ** 2, axis=-1), axis=(0, 2))
    np.testing.assert_allclose(result.squared_displacement, squared, rtol=1e-5)
    assert result.particle_steps == 4 * 200 * N


def test_long_stretches_are_cut_the_same_wherever_a_run_goes_on(made, monkeypatch):
    """From any of its stretches on, to the bit; and as one uncut, but for rounding."""
    assert stretches([10, 20, 1000], 10**6) == [10, 20, 1000]
    assert stretches([10, 7000], 10**6) == [10, 1757, 3505, 5252, 7000]
    steps, arguments = [10, 40], (made.liquid, made.snapshot)
    begun = Runs.begin(*arguments, 1.0, [3], [1])
    whole = to_the_end(begun, *arguments, steps, LAMMPS)
    monkeypatch.setattr(isoconfigurational, "LONGEST", 10 * N)
    kept = list(go_on(begun, *arguments, steps, LAMMPS))
    assert [runs.step for runs in kept] == [10, 20, 30, 40]
    for runs in kept[:-1]:
        resumed = to_the_end(replace(runs), *arguments, steps, LAMMPS)
        for key, array in kept[-1].arrays().items():
            np.testing.assert_array_equal(resumed.arrays()[key], array)
    np.testing.assert_array_equal(kept[-1].labels[:, 0], whole.labels[:, 0])
    np.testing.assert_allclose(kept[-1].labels, whole.labels, atol=1e-9)
    assert kept[-1].energies.shape == whole.energies.shape == (1, 3)


def test_short_times_are_ballistic(made):
    """Before any collision the mean-square displacement is 3 T t^2."""
    result = run(made, times=(0.005, 0.01), runs=16, engine=Lammps(LammpsSettings(time_step=0.001)))
    expected = 3 * 1.0 * np.array([0.005, 0.01]) ** 2
    np.testing.assert_allclose(result.squared_displacement, expected, rtol=0.03)


def test_runs_differ_and_equal_seeds_repeat_bit_for_bit(made):
    first, again, other = run(made), run(made), run(made, seed=(3, 1))
    for key, value in first.fields.items():
        np.testing.assert_array_equal(again.fields[key], value)
    assert not np.array_equal(other.fields["propensity"], first.fields["propensity"])


def test_energy_and_temperature_are_watched(made):
    result = run(made)
    assert result.drift.shape == (4,)
    assert 0 < np.abs(result.drift).max() <= result.fluctuation < 2e-3
    assert result.temperature == pytest.approx(1.0, abs=0.1)


def test_a_time_step_that_does_not_conserve_energy_is_refused(made):
    with pytest.raises(
        SimulationError, match=r"drifted by .*; shorten engine\.time_step|LAMMPS st"
    ):
        run(made, times=(2.0,), engine=Lammps(LammpsSettings(time_step=0.02)))


def test_impossible_temperature_is_refused(made):
    with pytest.raises(SettingsError, match=r"temperature must be positive, got -0\.5"):
        run(made, temperature=-0.5)


def test_kept_trajectories_follow_the_particles_out_of_the_box(made):
    moved = run(made, times=(20.0,), runs=2, keep_trajectories=True).trajectories[0, 0]
    folded = minimum_image(moved.astype(float), made.snapshot.box)
    assert np.abs(moved).max() > 1
    np.testing.assert_allclose(minimum_image(moved - folded, made.snapshot.box), 0, atol=1e-5)


def test_the_inherent_structure_is_a_nearby_minimum(made):
    liquid, snapshot = made.liquid, made.snapshot
    result = find_inherent(liquid, snapshot, InherentSettings(), LAMMPS)
    assert result.converged
    assert result.largest_force < 1.1e-8
    thermal = liquid.energies(snapshot.positions, snapshot.types, snapshot.box).mean()
    assert result.energy < thermal - 0.5  # 3/2 T of vibrations at T = 1
    moved = wrap(made.snapshot.positions + result.displacement, made.snapshot.box)
    np.testing.assert_allclose(
        minimum_image(moved - result.positions, made.snapshot.box), 0, atol=1e-12
    )
    rng = np.random.default_rng(1)
    for _ in range(3):
        shaken = wrap(result.positions + rng.normal(scale=1e-3, size=(N, 3)), made.snapshot.box)
        assert (
            liquid.energies(shaken, made.snapshot.types, made.snapshot.box).mean() > result.energy
        )


def test_a_minimum_that_was_not_reached_says_so(made):
    result = find_inherent(made.liquid, made.snapshot, InherentSettings(iterations=3), LAMMPS)
    assert not result.converged
    assert result.largest_force > 1e-3


def test_equilibration_brings_the_temperature_and_its_evidence(made):
    evidence = made.equilibrated.evidence
    mean, error = evidence["temperature"][1]
    assert mean == pytest.approx(1.0, abs=max(0.03, 4 * error))
    assert evidence["time"] == pytest.approx(6)
    assert evidence["bond_order"] < 0.15
    lags, (early, late) = evidence["lags"], evidence["scattering"]
    assert len(lags) == len(early) == len(late)
    assert early[0] > 0.95
    assert early[-1] < 0.5


def test_a_chain_goes_on_the_same_from_a_stored_snapshot(made):
    state = made.equilibrated.state
    types, settings = made.snapshot.types, SHORT.model_copy(update={"between": 0.5})
    phases = phases_of(made.liquid, 1.0, settings, LAMMPS, box=None)
    begun = Way.begin(0, state, types)
    one, two = (
        list(go_through(begun, phases, made.liquid, types, LAMMPS))[-1].state for _ in range(2)
    )
    np.testing.assert_array_equal(one.positions, two.positions)
    moved = minimum_image(one.positions - state.positions, made.snapshot.box)
    assert np.abs(moved).max() > 0.05


def test_a_long_way_to_equilibrium_goes_on_from_any_of_its_stretches(monkeypatch):
    """Temperature and box change as without cuts; from any cut on, all is equal to the bit."""
    liquid, types = load_liquid("hard-spheres"), load_liquid("hard-spheres").types(150)
    settings = EquilibrationSettings(hot_time=0.5, quench_time=1, time=1, expansion=1.1)
    phases = phases_of(liquid, 1.5, settings, LAMMPS, box=box_of(liquid, 150))
    begun = first_way(liquid, 150, settings, [1], LAMMPS)
    steps = [phase.steps for phase in phases]
    monkeypatch.setattr(isoconfigurational, "LONGEST", 150 * steps[1] // 3)
    ways = list(go_through(begun, phases, liquid, types, LAMMPS))
    assert [way.phase for way in ways] == [0] * 2 + [1] * 3 + [2] * 3
    sides = [way.box[0] / ways[-1].box[0] for way in ways]
    np.testing.assert_allclose(sides[1:5], np.linspace(1.1, 1, 4), rtol=1e-3)
    np.testing.assert_array_equal(ways[-1].box, box_of(liquid, 150))
    made = equilibrated(ways[-1], phases, liquid, types, LAMMPS.time_step(liquid))
    for way in (ways[0], ways[3], ways[6]):
        *_, last = go_through(way, phases, liquid, types, LAMMPS)
        again = equilibrated(last, phases, liquid, types, LAMMPS.time_step(liquid))
        np.testing.assert_array_equal(again.state.positions, made.state.positions)
        assert again.evidence == made.evidence
    assert made.evidence["time"] == pytest.approx(1.0, rel=1e-3)
    assert len(ways[-1].thermo) == len(phases[-1].looks)


def test_constant_pressure_changes_the_box():
    liquid = load_liquid("ka")
    settings = SHORT.model_copy(update={"time": 15.0, "pressure_damping": 1.0})
    found = first_snapshot(liquid, N, 1.0, settings, [1, 1], LAMMPS, pressure=4.0)
    assert found.evidence["pressure"][1][0] == pytest.approx(4.0, abs=0.6)
    assert np.all(found.state.box > box_of(liquid, N))


@pytest.mark.parametrize("name", ["ka", "ka2d", "hard-spheres"])
@pytest.mark.parametrize("particles", [150, 257, 500])
def test_lattice_starts_fill_the_box_without_overlap(name, particles, rng):
    liquid = load_liquid(name)
    types = liquid.types(particles)
    box = np.full(liquid.dimension, (particles / liquid.density) ** (1 / liquid.dimension))
    positions = lattice(liquid, types, box, rng)
    assert np.all((positions >= 0) & (positions < box))
    vectors = minimum_image(positions[:, None] - positions, box)
    distances = np.linalg.norm(vectors, axis=-1)[np.triu_indices(particles, 1)]
    assert distances.min() > 0.75


def test_hard_spheres_need_time_to_compress():
    settings = EquilibrationSettings(hot_time=1, quench_time=0, time=1, expansion=1.1)
    with pytest.raises(SettingsError, match="quench_time must be positive with an expansion"):
        first_snapshot(load_liquid("hard-spheres"), 150, 1.5, settings, [1], LAMMPS)
