"""What is LAMMPS' own: its commands, files and errors. The contract of engines is elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.formats.lammps_dump import FORMAT as DUMP
from glasscast.errors import MissingExtraError, SettingsError, SimulationError
from glasscast.liquid.box import wrap
from glasscast.liquid.definition import BUILT_IN, LiquidSettings
from glasscast.simulation.engine import NPT, NVE, NVT, State
from glasscast.simulation.equilibration import box_of, lattice
from glasscast.simulation.equilibrium_positions import find_inherent
from glasscast.simulation.lammps import library
from glasscast.simulation.lammps.engine import Lammps
from glasscast.simulation.lammps.settings import LammpsSettings
from glasscast.simulation.settings import InherentSettings
from tests.engine_contract import shaken
from tests.liquids import lennard_jones_rows, soft_liquids, tabulated

LMP = str(Path(sys.executable).with_name("lmp"))
LAMMPS = Lammps(LammpsSettings())


def assert_as_in_numpy(liquid, positions, types, box, force=1e-11, energy=1e-11):
    """Energy of each particle, pressure and forces (of the largest one) agree with LAMMPS."""
    with LAMMPS.open(liquid, types, box) as system:
        system.place(positions[None])
        inside = system._lammps
        inside.command("compute each all pe/atom")
        (reading,) = system.integrate(NVE(), [0])
        energies = np.array(inside.gather("c_each", 1, 1))
        forces = np.array(inside.gather_atoms("f", 1, 3)).reshape(-1, 3)[:, : liquid.dimension]
    scale = np.abs(forces).max()
    expected = liquid.energies(positions, types, box)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(energies, expected, rtol=energy, atol=energy / 10)
    np.testing.assert_allclose(forces, liquid.forces(positions, types, box), atol=force * scale)
    assert reading.potential_energy[0] == pytest.approx(expected.mean(), rel=energy)
    pressure = liquid.pressure(positions, types, box, 0.0)
    assert reading.pressure[0] == pytest.approx(pressure, rel=10 * energy)


@pytest.mark.lammps
@pytest.mark.parametrize("name", BUILT_IN)
def test_lammps_and_numpy_agree_on_energy_pressure_and_force(name):
    start = shaken(name)
    assert_as_in_numpy(start.liquid, start.positions[0], start.types, start.box)


def shaken_of(liquid, particles=300):
    """The same of a liquid that is not built in."""
    rng = np.random.default_rng(1)
    types, box = liquid.types(particles), box_of(liquid, particles)
    sites = lattice(liquid, types, box, rng)
    return liquid, wrap(sites + rng.uniform(-0.03, 0.03, sites.shape), box), types, box


@pytest.mark.lammps
@pytest.mark.parametrize("name", soft_liquids())
def test_lammps_and_numpy_agree_on_soft_potentials(name):
    assert_as_in_numpy(*shaken_of(soft_liquids()[name]), force=2e-10)


@pytest.mark.lammps
@pytest.mark.parametrize("spacing", ["even", "squared"])
def test_lammps_and_numpy_agree_on_tables(spacing):
    """Where the pieces between 500 rows meet, the splines of LAMMPS round off their jerk."""
    liquid = tabulated(lennard_jones_rows(500, spacing), density=0.6)
    assert_as_in_numpy(*shaken_of(liquid), force=1e-9, energy=1e-10)


@pytest.mark.lammps
@pytest.mark.parametrize("name", [*soft_liquids(), "table"])
def test_a_minimum_of_lammps_is_one_by_our_own_forces(name):
    table = tabulated(lennard_jones_rows(500), density=0.6)
    liquid, positions, types, box = shaken_of((soft_liquids() | {"table": table})[name])
    snapshot = Configuration(name="shaken", positions=positions, types=types, box=box)
    found = find_inherent(liquid, snapshot, InherentSettings(), LAMMPS)
    assert found.converged
    assert found.largest_force < 1.1e-8


@pytest.mark.lammps
@pytest.mark.skipif(shutil.which(LMP) is None, reason="no lmp executable")
def test_an_executable_reads_tables_as_the_library_does():
    liquid, positions, types, box = shaken_of(tabulated(lennard_jones_rows(400), density=0.6))
    found = []
    for settings in (LammpsSettings(), LammpsSettings(executable=(LMP,))):
        with Lammps(settings).open(liquid, types, box) as system:
            system.place(positions[None])
            found.append(list(system.integrate(NVE(), [0, 40])))
    for inside, outside in zip(*found, strict=True):
        np.testing.assert_allclose(outside.positions, inside.positions, atol=1e-9)
        assert outside.energy == pytest.approx(inside.energy, rel=1e-10)


def test_more_tables_than_fit_into_memory_are_refused():
    names = [f"s{k}" for k in range(25)]
    pair = {"epsilon": 1, "sigma": 1, "cutoff": 1.25}
    many = LiquidSettings(
        name="many",
        density=1,
        potential={"form": "inverse-power", "exponent": 12},
        species={name: {"fraction": 1 / 25} for name in names},
        pairs={f"{a}-{b}": pair for k, a in enumerate(names) for b in names[k:]},
    ).liquid()
    with pytest.raises(SettingsError, match="need 325 tables for the 25 species of many"):
        Lammps(LammpsSettings()).check(many)


@pytest.mark.lammps
def test_half_the_time_step_makes_a_quarter_of_the_energy_error():
    start, errors = shaken(temperature=0.6), []
    for step in (0.004, 0.002):
        with start.open(Lammps(LammpsSettings(time_step=step))) as system:
            system.place(start.positions, start.velocities)
            marks = [round(t / step) for t in np.arange(0.0, 1.01, 0.04)]
            energies = [r.energy[0] for r in system.integrate(NVE(), marks)]
        errors.append(np.std(energies))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)


@pytest.mark.lammps
def test_thermostat_and_barostat_bring_what_they_are_set_to():
    start = shaken(temperature=1.0)
    with start.open(LAMMPS) as system:
        system.place(start.positions, start.velocities)
        thermostat, barostat = NVT(1.0, 1.0, 0.2), NPT(1.0, 1.0, 0.2, 8.0, 2.0)
        hot = [r.temperature[0] for r in system.integrate(thermostat, range(0, 3000, 20))][50:]
        assert np.mean(hot) == pytest.approx(1.0, abs=0.05)
        pressed = [r.pressure[0] for r in system.integrate(barostat, range(0, 5000, 20))][100:]
        assert np.mean(pressed) == pytest.approx(8.0, abs=0.5)
        assert not np.allclose(system.state().box, start.box)


@pytest.mark.lammps
@pytest.mark.skipif(shutil.which(LMP) is None, reason="no lmp executable")
@pytest.mark.parametrize("name", ["ka", "ka2d"])
def test_the_saved_input_run_by_hand_repeats_the_run(name, tmp_path):
    start, steps = shaken(name), [20, 100]
    with start.open(LAMMPS) as system:
        system.place(start.positions, start.velocities)
        inside = [r.positions[0] for r in system.integrate(NVE(), [0, *steps])]
    state = State(start.positions, start.velocities, start.box[None])
    for file, text in LAMMPS.input_files(start.liquid, steps, (start.types, state)).items():
        (tmp_path / file).write_text(text)
    told = (tmp_path / "production.in").read_text().splitlines()[0]
    arguments = told.removeprefix("# run with: lmp ").split()
    assert "production.in" in arguments
    command = [LMP, *arguments, "-log", "none"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for step, expected in zip([0, *steps], inside, strict=True):
        (frame,) = DUMP.read_frames(tmp_path / f"frame.{step}.dump", start.liquid.dimension)
        np.testing.assert_array_equal(frame.types, start.types)
        # rounding grows with time in a chaotic system
        np.testing.assert_allclose(frame.positions, expected, atol=1e-9)


@pytest.mark.skipif(shutil.which(LMP) is None, reason="no lmp executable")
def test_the_error_of_an_executable_is_shown():
    start = shaken()
    with start.open(Lammps(LammpsSettings(executable=(LMP, "-var")))) as system:
        system.place(start.positions)
        with pytest.raises(SimulationError, match="lmp stopped: "):
            list(system.integrate(NVE(), [1]))


@pytest.mark.skipif(shutil.which("true") is None, reason="no program that does nothing")
def test_an_executable_that_leaves_nothing_is_an_error():
    """Least of all are the frames of an earlier stretch taken for those of this one."""
    start = shaken()
    with start.open(Lammps(LammpsSettings(executable=("true",)))) as system:
        system.place(start.positions)
        with pytest.raises(SimulationError, match=r"no whole thermo\.txt"):
            list(system.integrate(NVE(), [1]))
        with pytest.raises(SimulationError, match=r"no whole frame frame\.0\.dump"):
            system.minimise(1e-3, 10)


def test_numbers_in_a_command_line_are_words_of_it(tmp_path):
    """YAML reads ``[mpirun, -np, 8, lmp]`` so."""
    settings = LammpsSettings(executable=("mpirun", "-np", 8, "./lmp"))
    assert settings.executable == ("mpirun", "-np", "8", "./lmp")
    assert settings.beside(tmp_path).executable == ("mpirun", "-np", "8", str(tmp_path / "lmp"))


@pytest.mark.lammps
def test_an_overlapping_start_is_an_error_not_a_trajectory():
    start = shaken()
    positions = start.positions.copy()
    positions[0, 1] = positions[0, 0] + 1e-9
    with start.open(LAMMPS) as system:
        system.place(positions, np.ones_like(positions))
        with pytest.raises(SimulationError, match=r"LAMMPS stopped at 'run|energy became"):
            list(system.integrate(NVE(), [0, 10, 200]))


def test_a_missing_lammps_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'glasscast\[md\]'.*conda-forge"):
        library.load_lammps()


def test_a_missing_mpi_library_says_what_to_install(monkeypatch):
    def broken(cmdargs):
        raise OSError("libmpi.so.12: cannot open shared object file")

    monkeypatch.setattr(library, "load_lammps", lambda: broken)
    with pytest.raises(MissingExtraError, match=r"libmpi.so.12.*pip install mpich.*module"):
        library.start_lammps([])


@pytest.mark.lammps
def test_loading_lammps_leaves_other_libraries_alone():
    """With global symbols its Voronoi code and OpenMP would replace those of torch and freud."""
    code = (
        "import torch\n"
        "before = torch.get_num_threads()\n"
        "from glasscast.liquid.definition import load_liquid\n"
        "from glasscast.simulation.registry import load_engine\n"
        "ka = load_liquid('ka')\n"
        "with load_engine().open(ka, ka.types(300), [9.0] * 3): pass\n"
        "assert torch.get_num_threads() == before\n"
        "x = torch.randn(200, 200); assert torch.isfinite(x @ x).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kept", [40, 300, -200])
def test_a_torn_frame_is_refused(tmp_path, kept):
    """A program that runs LAMMPS and then cuts what it wrote."""
    if shutil.which(LMP) is None:
        pytest.skip("no lmp executable")
    program = tmp_path / "lmp"
    program.write_text(f"#!/bin/sh\n{LMP} \"$@\"\nhead -c {kept} frame.1.dump > cut\n"
                       "mv cut frame.1.dump\n")  # fmt: skip
    program.chmod(0o755)
    start = shaken()
    with start.open(Lammps(LammpsSettings(executable=(str(program),)))) as system:
        system.place(start.positions)
        readings = system.integrate(NVE(), [0, 1])
        assert next(readings).step == 0
        with pytest.raises(SimulationError, match=r"no whole frame frame\.1\.dump"):
            next(readings)
