"""From a lattice to equilibrated snapshots: hot liquid, quench, thermostat, decorrelation.

Each phase is cut into stretches of about half an hour; between them lies all that is needed to go
on, as numbers, and the next one begins in a fresh system. What was interrupted there ends as what
was not, to the bit. The thermostat begins anew with each stretch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from glasscast.errors import SettingsError
from glasscast.liquid.box import FloatArray, check_cutoff, wrap
from glasscast.liquid.correlations import bond_order, self_intermediate_scattering
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import (
    NPT,
    NVT,
    Engine,
    IntArray,
    State,
    maxwell_boltzmann,
)
from glasscast.simulation.isoconfigurational import stretches
from glasscast.simulation.settings import EquilibrationSettings

_BLOCKS = 50  # samples of energy, temperature and pressure in each stretch


@dataclass(frozen=True, eq=False)
class Equilibrated:
    """A liquid at one moment, and what speaks for its equilibrium.

    Parameters
    ----------
    state : one replica, wrapped.
    evidence : of equilibration, see :class:`Evidence`; as JSON values.
    """

    state: State
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a stretch of simulation says about equilibrium.

    Means over the first and the second half of the stretch, with standard errors from blocks;
    F_s(k, t) from two waiting times, the start and the middle of the stretch. In equilibrium
    halves and waiting times agree within error, and the bond order stays near 0.

    Parameters
    ----------
    time : length of the stretch.
    energy, pressure, temperature : (2,) of (mean, error), potential energy per particle.
    lags, scattering : lag times and (2, lags) of F_s of species A at k = 2 pi / sigma_AA.
    bond_order : global Q_6 (3D) or Psi_6 (2D) at the end.
    """

    time: float
    energy: list[tuple[float, float]]
    pressure: list[tuple[float, float]]
    temperature: list[tuple[float, float]]
    lags: list[float]
    scattering: list[list[float]]
    bond_order: float


def lattice(
    liquid: Liquid, types: IntArray, box: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Place particles on random sites of a close-packed lattice that fills the box.

    Random places overlap so badly that even minimised starts explode; lattice sites do not.

    Returns
    -------
    (N, d) inside the box: face-centred cubic in 3D, centred rectangular in 2D.
    """
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    shape = np.ones(3)
    if liquid.dimension == 2:
        basis, shape = np.array([[0, 0], [0.5, 0.5]]), np.array([1.0, np.sqrt(3)])
    # as few cells as hold N sites, each as near to the lattice's own shape as the box lets it
    cells = np.maximum(1, np.floor(_cells(len(types), len(basis), box, shape))).astype(int)
    while cells.prod() * len(basis) < len(types):
        cells[np.argmax(box / cells / shape)] += 1
    grid = np.stack(np.meshgrid(*[np.arange(c) for c in cells], indexing="ij"), axis=-1)
    sites = (grid.reshape(-1, 1, liquid.dimension) + basis + 0.25).reshape(-1, liquid.dimension)
    chosen = rng.permutation(len(sites))[: len(types)]
    placed: FloatArray = sites[chosen] * (box / cells)
    return placed


def _cells(particles: int, per_cell: int, box: FloatArray, shape: FloatArray) -> FloatArray:
    """Real number of cells along each side for exactly N sites."""
    count = particles / per_cell
    side = (np.prod(box) / count / np.prod(shape)) ** (1 / len(box))
    return np.asarray(box / (side * shape) + 1e-9)


def box_of(liquid: Liquid, particles: int, density: float | None = None) -> FloatArray:
    """Sides of the cubic or square box at a density (the liquid's own if absent).

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff.
    """
    volume = particles / (density or liquid.density)
    box = np.full(liquid.dimension, volume ** (1 / liquid.dimension))
    check_cutoff(liquid.longest_cutoff, box)
    return box


@dataclass(frozen=True)
class Phase:
    """A stretch of thermostatted dynamics.

    Parameters
    ----------
    ensemble : over the whole of it.
    steps : time steps; 0 leaves it out.
    looks : steps at which it is looked at.
    """

    ensemble: NVT | NPT
    steps: int
    looks: tuple[int, ...] = ()

    def part(self, begin: int, end: int, box: FloatArray) -> NVT | NPT:
        """Ensemble between two of its steps; temperature and box change linearly with time.

        Parameters
        ----------
        box : (d,) sides at ``begin``.
        """
        whole, fractions = self.ensemble, (begin / self.steps, end / self.steps)
        change = whole.stop - whole.start
        start, stop = (whole.start + change * f for f in fractions)
        if end == self.steps:
            stop = whole.stop
        if isinstance(whole, NPT) or whole.sides is None or end == self.steps:
            return replace(whole, start=start, stop=stop)
        share = (end - begin) / (self.steps - begin)
        sides = box + (np.array(whole.sides) - box) * share
        return replace(whole, start=start, stop=stop, sides=tuple(sides.tolist()))


@dataclass(frozen=True, eq=False)
class Way:
    """A liquid on its way through some phases, enough to go on from.

    Parameters
    ----------
    phase, step : number of the phase, and the time steps behind in it.
    positions, velocities, box : (N, d) twice and (d,); positions wrapped.
    moved : (N_A, d) displacement of species A since the phase began.
    seen : (K, N_A, d) the same at the steps behind at which the phase was looked at.
    thermo : (K, 3) potential energy, pressure, temperature there.
    """

    phase: int
    step: int
    positions: FloatArray
    velocities: FloatArray
    box: FloatArray
    moved: FloatArray
    seen: FloatArray
    thermo: FloatArray

    @classmethod
    def begin(cls, phase: int, state: State, types: IntArray) -> Way:
        """Stand at the beginning of a phase, with the first replica of a state."""
        moved = np.zeros((int(np.sum(types == 0)), state.positions.shape[-1]))
        return cls(
            phase=phase,
            step=0,
            positions=state.positions[0],
            velocities=state.velocities[0],
            box=state.box[0],
            moved=moved,
            seen=np.zeros((0, *moved.shape)),
            thermo=np.zeros((0, 3)),
        )

    @property
    def state(self) -> State:
        """One replica."""
        return State(self.positions[None], self.velocities[None], self.box[None])

    def arrays(self) -> dict[str, FloatArray]:
        """All but the numbers, by name."""
        return {key: value for key, value in vars(self).items() if key not in ("phase", "step")}

    def advanced(
        self, liquid: Liquid, types: IntArray, phase: Phase, step: int, engine: Engine
    ) -> Way:
        """Go on to a later step of the phase, in a fresh system."""
        a, looks = types == 0, {k - self.step for k in phase.looks if self.step < k <= step}
        if self.step == 0 and 0 in phase.looks:
            looks.add(0)
        ensemble = phase.part(self.step, step, self.box)
        seen, thermo = [self.seen], [self.thermo]
        with engine.open(liquid, types, self.box) as system:
            system.place(self.positions[None], self.velocities[None])
            for reading in system.integrate(ensemble, sorted({*looks, step - self.step})):
                moved = self.moved + (reading.positions[0] - self.positions)[a]
                if reading.step in looks:
                    seen.append(moved[None])
                    told = (reading.potential_energy, reading.pressure, reading.temperature)
                    thermo.append(np.array([[float(value[0]) for value in told]]))
            final = system.state()
        asked = ensemble.sides if isinstance(ensemble, NVT) else None
        box = final.box[0] if asked is None else np.array(asked)  # reached but for rounding
        return Way(
            phase=self.phase,
            step=step,
            positions=wrap(final.positions[0], box),
            velocities=final.velocities[0],
            box=box,
            moved=moved,
            seen=np.concatenate(seen),
            thermo=np.concatenate(thermo),
        )


def go_through(
    way: Way, phases: Sequence[Phase], liquid: Liquid, types: IntArray, engine: Engine
) -> Iterator[Way]:
    """Go through phases to the end of the last, yielding where to go on from after each stretch.

    Parameters
    ----------
    way : at the beginning, or yielded here before.
    """
    for number, phase in enumerate(phases):
        if phase.steps == 0 or number < way.phase:
            continue
        if number > way.phase:
            way = Way.begin(number, way.state, types)
        for step in stretches([phase.steps], len(types)):
            if step > way.step:
                way = way.advanced(liquid, types, phase, step, engine)
                yield way


def first_way(
    liquid: Liquid,
    particles: int,
    settings: EquilibrationSettings,
    seed: Sequence[int],
    engine: Engine,
    density: float | None = None,
) -> Way:
    """Make a liquid from nothing: a lattice, shortly minimised, with hot velocities.

    Parameters
    ----------
    seed : seed sequence; everything random comes from it.
    """
    rng = np.random.default_rng(seed)
    types = liquid.types(particles)
    wide = box_of(liquid, particles, density) * settings.expansion
    masses = liquid.masses[types]
    with engine.open(liquid, types, wide) as system:
        system.place(lattice(liquid, types, wide, rng)[None])
        system.minimise(1e-3, 500)
        positions = wrap(system.state().positions, wide)
    velocities = maxwell_boltzmann(settings.hot_temperature, masses, liquid.dimension, rng)
    return Way.begin(0, State(positions, velocities[None], wide[None]), types)


def phases_of(
    liquid: Liquid,
    temperature: float,
    settings: EquilibrationSettings,
    engine: Engine,
    *,
    box: FloatArray | None,
    pressure: float | None = None,
) -> list[Phase]:
    """Phases from the hot liquid on, or those between two snapshots of a chain.

    Parameters
    ----------
    box : (d,) sides that a hot liquid is to have in the end; None: there was a snapshot before.

    Raises
    ------
    SettingsError : if a larger box has no time to shrink in.
    """
    step, damping = engine.time_step(liquid), settings.damping
    time = settings.between if box is None else settings.time
    last: NVT | NPT = NVT(temperature, temperature, damping)
    if pressure is not None:
        last = NPT(temperature, temperature, damping, pressure, settings.pressure_damping)
    target = Phase(last, round(time / step), _looks(round(time / step)))
    if box is None:
        return [target]
    hot, quench = round(settings.hot_time / step), round(settings.quench_time / step)
    if settings.expansion > 1 and quench == 0:
        raise SettingsError("equilibration.quench_time must be positive with an expansion")
    hottest = settings.hot_temperature
    sides = tuple(box.tolist()) if settings.expansion > 1 else None
    cooling = Phase(NVT(hottest, temperature, damping, sides), quench)
    return [Phase(NVT(hottest, hottest, damping), hot), cooling, target]


def first_snapshot(
    liquid: Liquid,
    particles: int,
    temperature: float,
    settings: EquilibrationSettings,
    seed: Sequence[int],
    engine: Engine,
    *,
    density: float | None = None,
    pressure: float | None = None,
) -> Equilibrated:
    """Make one equilibrated configuration from nothing.

    Lattice, a short minimisation, ``hot_time`` at ``hot_temperature`` in a box ``expansion`` times
    larger, a quench (and compression) in ``quench_time``, then ``time`` at the target.

    Parameters
    ----------
    seed : seed sequence; everything random comes from it.
    """
    box = box_of(liquid, particles, density)
    phases = phases_of(liquid, temperature, settings, engine, box=box, pressure=pressure)
    types = liquid.types(particles)
    begun = first_way(liquid, particles, settings, seed, engine, density)
    way = [begun, *go_through(begun, phases, liquid, types, engine)][-1]
    return equilibrated(way, phases, liquid, types, engine.time_step(liquid))


def equilibrated(
    way: Way, phases: Sequence[Phase], liquid: Liquid, types: IntArray, step: float
) -> Equilibrated:
    """Return the liquid at the end of its way, with what speaks for its equilibrium."""
    last = phases[-1]
    if last.steps == 0:
        return Equilibrated(way.state, {})
    at = {look: k for k, look in enumerate(last.looks)}
    middle, marks = round(last.steps / 2), [k for k in _marks(last.steps) if k]
    thermo = way.thermo[[at[mark] for mark in marks]]
    lags = [lag for lag in _lags(last.steps) if middle + lag <= last.steps]
    wavenumber = 2 * np.pi / liquid.sigma[0, 0]
    scattering = [
        [
            float(
                self_intermediate_scattering(
                    way.seen[at[begin + lag]] - way.seen[at[begin]], wavenumber
                )
            )
            for lag in lags
        ]
        for begin in (0, middle)
    ]
    energy, pressure, temperature = (_halves(column.tolist()) for column in thermo.T)
    evidence = Evidence(
        time=last.steps * step,
        energy=energy,
        pressure=pressure,
        temperature=temperature,
        lags=[lag * step for lag in lags],
        scattering=scattering,
        bond_order=bond_order(way.positions, way.box),
    )
    return Equilibrated(way.state, asdict(evidence))


def _marks(steps: int) -> list[int]:
    """Return the steps at which energy, pressure and temperature count."""
    return sorted({round(steps * k / (2 * _BLOCKS)) for k in range(2 * _BLOCKS + 1)})


def _lags(steps: int) -> list[int]:
    return sorted({round(steps / 2 * f) for f in np.geomspace(1e-3, 1, 13)} - {0})


def _looks(steps: int) -> tuple[int, ...]:
    """Return the steps at which a phase of so many is looked at."""
    if steps == 0:
        return ()
    middle, lags = round(steps / 2), _lags(steps)
    later = (middle + lag for lag in lags if middle + lag <= steps)
    return tuple(sorted({0, middle, *lags, *later, *_marks(steps)}))


def _halves(values: list[float]) -> list[tuple[float, float]]:
    """Mean and standard error of each half; the error from five blocks, which outlive memory."""
    result = []
    for half in np.array_split(np.array(values), 2):
        blocks = np.array([b.mean() for b in np.array_split(half, min(5, len(half))) if len(b)])
        error = blocks.std(ddof=1) / np.sqrt(len(blocks)) if len(blocks) > 1 else float("nan")
        result.append((float(half.mean()), float(np.nan_to_num(error))))
    return result
