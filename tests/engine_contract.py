"""What every engine keeps, as functions that assert it of one; each is named after a promise.

A state that they start from is a lattice, shaken: free of overlaps, not equilibrated.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from glasscast.errors import SettingsError, ShapeError
from glasscast.liquid.box import FloatArray, wrap
from glasscast.liquid.definition import load_liquid
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import NPT, NVE, NVT, Confined, maxwell_boltzmann
from glasscast.simulation.equilibration import box_of, lattice

PARTICLES = {"ka": 256, "ka-cut": 256, "ka-unshifted": 256, "ka2d": 150, "hard-spheres": 150}
#: Rounding grows with time in a chaotic system; over 100 steps it stays below this.
ROUNDING = 1e-9
ENSEMBLES = {
    NVE: NVE(),
    NVT: NVT(1.0, 1.0, 0.2),
    NPT: NPT(1.0, 1.0, 0.2, 8.0, 2.0),
}


@dataclass(frozen=True)
class Start:
    liquid: Liquid
    positions: FloatArray
    velocities: FloatArray
    types: np.ndarray
    box: FloatArray

    def open(self, engine):
        return engine.open(self.liquid, self.types, self.box)

    @property
    def masses(self):
        return self.liquid.masses[self.types]


def shaken(name="ka", seed=1, expansion=1.0, temperature=0.5, replicas=1) -> Start:
    liquid = load_liquid(name)
    rng = np.random.default_rng(seed)
    types = liquid.types(PARTICLES[name])
    box = box_of(liquid, len(types)) * expansion
    sites = lattice(liquid, types, box, rng)
    shape = (replicas, *sites.shape)
    masses = liquid.masses[types]
    velocities = [
        maxwell_boltzmann(temperature, masses, len(box), np.random.default_rng([seed, k]))
        for k in range(replicas)
    ]
    shakes = rng.uniform(-0.03, 0.03, shape)
    return Start(liquid, wrap(sites + shakes, box), np.stack(velocities), types, box)


def readings_are_what_the_particles_tell(engine, name="ka"):
    """Energies, temperature and pressure are those of positions and velocities."""
    start = shaken(name, expansion=1.2 if name == "hard-spheres" else 1.0)  # or spheres overlap
    liquid, size, dimension = start.liquid, len(start.types), len(start.box)
    with start.open(engine) as system:
        system.place(start.positions, start.velocities)
        reading, later = system.integrate(NVE(), [0, 5])
        state = system.state()
    assert (reading.step, later.step) == (0, 5)
    for array in (reading.positions, state.positions, state.velocities):
        assert array.shape == (1, size, dimension)
    np.testing.assert_allclose(reading.positions, start.positions, atol=1e-13)
    np.testing.assert_array_equal(later.positions, state.positions)
    np.testing.assert_array_equal(state.box, start.box[None])
    for found, velocities in ((reading, start.velocities), (later, state.velocities)):
        where = wrap(found.positions[0], start.box), start.types, start.box
        twice_kinetic = float((start.masses[:, None] * velocities[0] ** 2).sum())
        potential = liquid.energies(*where).mean()
        assert found.potential_energy == pytest.approx([potential], rel=1e-10)
        assert found.energy == pytest.approx([potential + twice_kinetic / 2 / size], rel=1e-10)
        temperature = twice_kinetic / (dimension * (size - 1))
        assert found.temperature == pytest.approx([temperature], rel=1e-10)
        pressure = liquid.pressure(*where, twice_kinetic / (dimension * size))
        assert found.pressure == pytest.approx([pressure], rel=1e-9)


def newtons_equations_conserve_energy_and_momentum(engine, name="ka"):
    start = shaken(name)
    with start.open(engine) as system:
        system.place(start.positions)
        system.minimise(0.1, 100)
        system.place(system.state().positions, start.velocities)
        energies = [r.energy[0] for r in system.integrate(NVE(), range(100, 300, 20))]
        momentum = start.masses @ system.state().velocities[0]
    assert np.ptp(energies) < 5e-4
    assert np.ptp(energies) > 0
    np.testing.assert_allclose(momentum, 0, atol=1e-10)


def positions_are_continuous_across_the_faces(engine):
    """Particles that fly freely through the box keep their count of crossings."""
    start = shaken(expansion=3.0)
    uniform = np.tile([20.0, -13.0, 7.0], (1, len(start.types), 1))
    with start.open(engine) as system:
        system.place(start.positions, uniform)
        first, last = (r.positions for r in system.integrate(NVE(), [0, 400]))
        np.testing.assert_array_equal(system.state().positions, last)
    np.testing.assert_allclose((last - first).mean(axis=1), [[40, -26, 14]], atol=1e-9)
    np.testing.assert_allclose(first, start.positions, atol=1e-12)


def steps_are_counted_from_now(engine):
    """Two stretches in a row are one; a placed particle has forgotten all before."""
    start = shaken()
    with start.open(engine) as system:
        system.place(start.positions, start.velocities)
        whole = [r.positions for r in system.integrate(NVE(), [10, 40])]
        assert system.work == 40 * len(start.types)
        system.place(start.positions, start.velocities)
        (first,) = (r.positions for r in system.integrate(NVE(), [10]))
        (second,) = (r.positions for r in system.integrate(NVE(), [30]))
        assert system.work == 80 * len(start.types)
    np.testing.assert_allclose(first, whole[0], atol=ROUNDING)
    np.testing.assert_allclose(second, whole[1], atol=ROUNDING)


def a_state_is_enough_to_go_on_from(engine):
    """In another system, and wrapped."""
    start = shaken(temperature=5.0)
    with start.open(engine) as system:
        system.place(start.positions, start.velocities)
        for _ in system.integrate(NVE(), [60]):
            pass
        state = system.state()
        (expected,) = system.integrate(NVE(), [40])
    assert np.abs(wrap(state.positions, start.box) - state.positions).max() > 1  # some crossed
    with start.open(pickle.loads(pickle.dumps(engine))) as system:
        system.place(state.positions, state.velocities)
        (found,) = system.integrate(NVE(), [40])
    shift = state.positions - wrap(state.positions, start.box)
    np.testing.assert_allclose(found.positions + shift, expected.positions, atol=ROUNDING)
    assert found.energy == pytest.approx(expected.energy, rel=1e-10)


def minimising_takes_the_force_away(engine):
    """Down to the tolerance and to a lower energy, without leaving the neighbourhood."""
    if not engine.capabilities.minimises:
        pytest.skip("does not minimise")
    start = shaken()
    with start.open(engine) as system:
        system.place(start.positions)
        system.minimise(1e-4, 5000)
        state = system.state()
    found = wrap(state.positions[0], start.box)
    liquid, rest = start.liquid, (start.types, start.box)
    before = np.linalg.norm(liquid.forces(start.positions[0], *rest), axis=1).max()
    after = np.linalg.norm(liquid.forces(found, *rest), axis=1).max()
    assert before > 1
    assert after < 1.01e-4
    energies = [liquid.energies(x, *rest).mean() for x in (start.positions[0], found)]
    assert energies[1] < energies[0]
    assert np.abs(state.positions - start.positions).max() < 1.5


def what_is_no_capability_is_refused(engine):
    able, start = engine.capabilities, shaken()
    with start.open(engine) as system:
        system.place(start.positions, start.velocities)
        for kind, ensemble in ENSEMBLES.items():
            if kind in able.ensembles:
                (reading,) = system.integrate(ensemble, [2])
                assert np.isfinite(reading.energy).all()
            else:
                with pytest.raises(SettingsError, match=kind.__name__):
                    list(system.integrate(ensemble, [2]))
        if not able.samples:
            with pytest.raises(SettingsError, match="sample"):
                list(system.sample(Confined(1.0, 0.2, 0, 1, 0.1, 0.4, (1,)), [1]))
        if able.replicas is not None:
            many = np.repeat(start.positions, able.replicas + 1, axis=0)
            with pytest.raises(ShapeError, match="replicas are too many"):
                system.place(many)
    if NVT in able.ensembles:
        with start.open(engine) as system:
            system.place(start.positions, start.velocities)
            sides = tuple((0.98 * start.box).tolist())
            list(system.integrate(NVT(1.0, 1.0, 0.5, sides), [50]))
            np.testing.assert_allclose(system.state().box[0], sides, rtol=1e-12)
            system.place(start.positions, start.velocities)  # in the first box again
            np.testing.assert_array_equal(system.state().box[0], start.box)
            (reading,) = system.integrate(NVE(), [0])
            energy = start.liquid.energies(start.positions[0], start.types, start.box).mean()
            assert reading.potential_energy == pytest.approx([energy], rel=1e-10)


def replicas_are_what_each_is_alone(engine):
    if engine.capabilities.replicas == 1:
        return
    start = shaken(replicas=3)
    with start.open(engine) as system:
        system.place(start.positions, start.velocities)
        (together,) = system.integrate(NVE(), [20])
        assert system.work == 3 * 20 * len(start.types)
        for k in range(3):
            system.place(start.positions[k : k + 1], start.velocities[k : k + 1])
            (alone,) = system.integrate(NVE(), [20])
            np.testing.assert_array_equal(alone.positions[0], together.positions[k])
            assert alone.energy[0] == together.energy[k]


def a_system_that_cannot_be_is_refused(engine):
    start = shaken()
    liquid, types, box = start.liquid, start.types, start.box
    for wrong, message in [
        ((types + 1, box), "species 2 is unknown"),
        ((types, 0.5 * box), "smaller than twice the cutoff"),
        ((types, box[:2]), "ka has 3 dimensions, the box 2"),
    ]:
        with pytest.raises(ShapeError, match=message), engine.open(liquid, *wrong):
            pass
    with start.open(engine) as system, pytest.raises(ShapeError, match="must have shape"):
        system.place(start.positions[0])


CONTRACT = (
    readings_are_what_the_particles_tell,
    newtons_equations_conserve_energy_and_momentum,
    positions_are_continuous_across_the_faces,
    steps_are_counted_from_now,
    a_state_is_enough_to_go_on_from,
    minimising_takes_the_force_away,
    what_is_no_capability_is_refused,
    replicas_are_what_each_is_alone,
    a_system_that_cannot_be_is_refused,
)
