from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from glasscast.datasets.configuration import Configuration
from glasscast.errors import MissingExtraError, SettingsError, ShapeError
from glasscast.liquid.box import minimum_image, wrap
from glasscast.liquid.definition import LiquidSettings, load_liquid
from glasscast.simulation import cage
from glasscast.simulation.engine import Confined
from glasscast.simulation.isoconfigurational import Runs, to_the_end
from glasscast.simulation.monte_carlo import MonteCarlo
from glasscast.simulation.registry import load_engine
from glasscast.simulation.settings import MonteCarloCage, RunsCage
from glasscast.workflows.demo import load_sample
from tests.liquids import lennard_jones_rows, tabulated

pytest.importorskip("numba")


def find_cage(liquid, start, types, box, temperature, seed, settings=MonteCarloCage()):  # noqa: B008
    snapshot = Configuration(name="start", positions=wrap(start, box), types=types, box=box)
    return cage.find_cage(liquid, snapshot, temperature, seed, settings, MonteCarlo())


def soft(epsilon=1.0, sigma=1.0, cutoff=2.0, form="lj-polynomial", **more):
    pair = {"epsilon": epsilon, "sigma": sigma, "cutoff": cutoff}
    return LiquidSettings(
        name="soft",
        density=1.0,
        potential={"form": form, **more},
        species={"A": {"fraction": 1.0}},
        pairs={"AA": pair},
    ).liquid()


def pair_oracle(liquid, start, radius, temperature, samples=400_000):
    """Mean displacements of two caged particles by weighting independent uniform points."""
    rng = np.random.default_rng(5)
    d = start.shape[1]
    points = rng.normal(size=(2, samples, d))
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    points *= radius * rng.random((2, samples, 1)) ** (1 / d)
    distance = np.linalg.norm(start[1] + points[1] - start[0] - points[0], axis=1)
    weight = np.exp(-liquid.pair_energy(distance) / temperature)
    centred = points - points.mean(axis=0)
    return np.einsum("psd,s->pd", centred, weight) / weight.sum()


@pytest.mark.parametrize(
    ("liquid", "distance"),
    [
        (soft(), 1.0),
        (soft(form="lj-force-shifted"), 1.5),
        (soft(form="mie", repulsive=50, attractive=49, cutoff=50 / 49), 1.1),
        (soft(form="inverse-power", exponent=8, cutoff=1.8), 1.2),
        (soft(form="inverse-power", exponent=12, cutoff=1.8, cut="shifted"), 1.1),
        (soft(form="harmonic", cutoff=None, epsilon=20), 0.9),
        (tabulated(lennard_jones_rows(80)), 1.1),
    ],
)
def test_two_particles_follow_the_boltzmann_weight(liquid, distance):
    start = np.array([[5.0, 5, 5], [5 + distance, 5, 5]])
    settings = MonteCarloCage(radius=0.3, burn_in=2000, cycles=200_000, stride=2)
    result = find_cage(liquid, start, np.zeros(2, int), np.full(3, 10.0), 0.8, [1], settings)
    expected = pair_oracle(liquid, start, 0.3, 0.8)
    error = result.standard_error.max()
    assert abs(expected).max() > 10 * error  # the pair does push or pull
    assert np.abs(result.displacement - expected).max() < 4 * error


def test_two_particles_in_two_dimensions_across_the_face_of_the_box():
    liquid = load_liquid("ka2d")
    start = np.array([[0.1, 4.0], [9.2, 4.0]])
    settings = MonteCarloCage(radius=0.3, burn_in=2000, cycles=200_000, stride=2)
    result = find_cage(liquid, start, np.zeros(2, int), np.full(2, 10.0), 0.5, [1], settings)
    unfolded = np.array([[0.1, 4.0], [-0.8, 4.0]])
    expected = pair_oracle(liquid, unfolded, 0.3, 0.5)
    np.testing.assert_allclose(result.displacement, expected, atol=0.002)
    assert np.all((result.positions >= 0) & (result.positions < 10))


def crystal():
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    return (grid + basis + 0.25).reshape(-1, 3) * 1.5, np.full(3, 7.5)


def test_the_cage_of_a_displaced_crystal_particle_is_its_lattice_site():
    liquid, (sites, box) = load_liquid("ka"), crystal()
    start = sites.copy()
    start[7] += [0.12, -0.08, 0.05]
    settings = MonteCarloCage(radius=0.4, burn_in=200, cycles=1000, stride=2)
    result = find_cage(liquid, start, np.zeros(len(start), int), box, 0.2, [1], settings)
    off = minimum_image(result.positions - sites, box)
    off -= off.mean(axis=0)
    assert np.linalg.norm(off[7]) < 0.03  # it began 0.15 away
    assert np.linalg.norm(off, axis=1).mean() < 0.03


def liquid_like(rng):
    liquid = load_liquid("ka")
    n = 8
    sites = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    box = np.full(3, (n**3 / 1.2) ** (1 / 3))
    return liquid, (sites + 0.5) * box / n, rng.permutation(liquid.types(n**3)), box


def test_equal_seeds_repeat_and_no_particle_leaves_its_sphere(rng):
    liquid, start, types, box = liquid_like(rng)
    settings = MonteCarloCage(radius=0.15, burn_in=40, cycles=100)
    first, again, other = (
        find_cage(liquid, start, types, box, 1.0, [seed, 0], settings) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions, other.positions)
    # less the motion of the centre of mass, which is small for many particles
    assert np.linalg.norm(first.displacement, axis=1).max() < 0.15 + 0.01


def test_the_stated_error_is_the_error_and_shrinks_with_the_root_of_the_cycles():
    """In a crystal the true mean displacement is 0, so the error can be seen."""
    liquid, (sites, box) = load_liquid("ka"), crystal()
    stated, true = [], []
    for cycles in (500, 2000):
        settings = MonteCarloCage(radius=0.15, burn_in=100, cycles=cycles)
        result = find_cage(liquid, sites, np.zeros(500, int), box, 5.0, [1], settings)
        stated.append(np.sqrt(np.mean(result.standard_error**2)))
        true.append(np.sqrt(np.mean(np.sum(result.displacement**2, axis=1))))
    assert stated[0] / stated[1] == pytest.approx(2, rel=0.2)
    assert true[0] / true[1] == pytest.approx(2, rel=0.2)
    np.testing.assert_allclose(stated, true, rtol=0.3)


def test_rotating_the_pair_rotates_the_answer():
    liquid = soft()
    turn = Rotation.from_rotvec([0.3, 1.1, -0.4]).as_matrix()
    settings = MonteCarloCage(radius=0.3, burn_in=1000, cycles=100_000, stride=2)
    start = np.array([[5.0, 5, 5], [6.0, 5, 5]])
    turned = 5 + (start - 5) @ turn.T
    box = np.full(3, 10.0)
    one = find_cage(liquid, start, np.zeros(2, int), box, 0.8, [1], settings).displacement
    two = find_cage(liquid, turned, np.zeros(2, int), box, 0.8, [2], settings).displacement
    np.testing.assert_allclose(two, one @ turn.T, atol=0.004)


def test_a_sampler_goes_on_from_where_the_particles_are(rng):
    """The spheres are around the places of the particles when the sampling begins."""
    liquid, start, types, box = liquid_like(rng)
    confined = Confined(1.0, 0.1, 0, 1, 0.1, 0.4, (1,))
    with MonteCarlo().open(liquid, types, box) as system:
        system.place(start[None])
        for sweep in (1, 2, 3):
            before = system.state().positions
            list(system.sample(confined, [20]))
            moved = np.linalg.norm(system.state().positions - before, axis=-1)
            assert 0.05 < moved.max() < 0.1, sweep
    assert np.linalg.norm(system.state().positions[0] - start, axis=1).max() > 0.1


@pytest.mark.lammps
@pytest.mark.parametrize(
    ("time", "apart", "less"),
    [(1.0, 0.10, 0.06), pytest.param(4.0, 0.13, 0.03, marks=pytest.mark.slow)],
)
def test_short_runs_and_monte_carlo_agree(time, apart, less):
    """Root mean square distance for species A of the sample; what both tell of the propensity.

    Snapshots are 0.151 from the Monte Carlo cages, 8 runs leave an error of 0.06 to 0.1.
    """
    snapshot = load_sample()[0]
    ka, mine = load_liquid("ka"), snapshot.types == 0
    found = cage.find_cage(ka, snapshot, 0.64, [1, 3], RunsCage(time=time), load_engine())
    between = minimum_image(found.positions - snapshot.cage, snapshot.box)[mine]
    assert np.sqrt((between**2).sum(axis=1).mean()) < apart
    told = [
        np.corrcoef(np.linalg.norm(moved[mine], axis=1), snapshot.propensity[3, mine])[0, 1]
        for moved in (
            found.displacement,
            minimum_image(snapshot.cage - snapshot.positions, snapshot.box),
        )
    ]
    assert told[1] > 0.5
    assert told[0] > told[1] - less
    assert found.record()["particle_steps"] == 8 * round(time / 0.005) * snapshot.size


@pytest.mark.lammps
def test_short_runs_are_others_than_those_of_labels_and_state_their_error():
    snapshot, ka = load_sample()[0], load_liquid("ka")
    settings, engine = RunsCage(runs=4, time=0.1), load_engine()
    one, two = (cage.find_cage(ka, snapshot, 0.64, [1, k], settings, engine) for k in range(2))
    apart = np.sum((one.displacement - two.displacement) ** 2)
    stated = np.sum(one.standard_error**2 + two.standard_error**2)
    assert apart == pytest.approx(stated, rel=0.05)
    steps = [20]
    begun = Runs.begin(ka, snapshot, 0.64, range(4), [1, 0])
    labelled = [
        to_the_end(replace_rows(begun, k), ka, snapshot, steps, engine).displacement[0]
        for k in range(4)
    ]
    assert np.sum((np.mean(labelled, axis=0) - one.displacement) ** 2) > 0.9 * stated


def replace_rows(runs, k):
    rows = {key: value[k : k + 1] for key, value in runs.arrays().items()}
    return Runs(step=runs.step, **rows)


def test_errors_name_what_is_wrong(rng, monkeypatch):
    liquid, start, types, box = liquid_like(rng)
    with pytest.raises(SettingsError, match="temperature must be positive, got -1"):
        find_cage(liquid, start, types, box, -1, [1])
    with pytest.raises(ShapeError, match=r"smaller than twice the cutoff 4\.1"):
        find_cage(liquid, start, types, box, 1, [1], MonteCarloCage(radius=0.8))
    with pytest.raises(ShapeError, match="species 2 is unknown"):
        find_cage(liquid, start, types + 1, box, 1, [1])
    monkeypatch.setitem(sys.modules, "glasscast.simulation.monte_carlo_kernel", None)
    with pytest.raises(MissingExtraError, match=r"needs numba.*glasscast\[md\]"):
        find_cage(liquid, start, types, box, 1, [1], MonteCarloCage(radius=0.2))
