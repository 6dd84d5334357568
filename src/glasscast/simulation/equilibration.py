"""From a lattice to equilibrated snapshots: hot liquid, quench, thermostat, decorrelation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
    Ensemble,
    IntArray,
    State,
    System,
    maxwell_boltzmann,
)
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
    rng = np.random.default_rng(seed)
    types, box = liquid.types(particles), box_of(liquid, particles, density)
    wide = box * settings.expansion
    step = engine.time_step(liquid)
    hot, quench = round(settings.hot_time / step), round(settings.quench_time / step)
    if settings.expansion > 1 and quench == 0:
        raise SettingsError("equilibration.quench_time must be positive with an expansion")
    masses = liquid.masses[types]
    with engine.open(liquid, types, wide) as system:
        system.place(lattice(liquid, types, wide, rng)[None])
        system.minimise(1e-3, 500)
        velocities = maxwell_boltzmann(settings.hot_temperature, masses, liquid.dimension, rng)
        system.place(system.state().positions, velocities[None])
        hottest = settings.hot_temperature
        _advance(system, NVT(hottest, hottest, settings.damping), hot)
        sides = tuple(box.tolist()) if settings.expansion > 1 else None
        _advance(system, NVT(hottest, temperature, settings.damping, sides), quench)
        state = system.state()
    quenched = State(wrap(state.positions, box), state.velocities, box[None])
    return next_snapshot(
        liquid, types, quenched, temperature, settings.time, settings, engine, pressure=pressure
    )


def next_snapshot(
    liquid: Liquid,
    types: IntArray,
    state: State,
    temperature: float,
    time: float,
    settings: EquilibrationSettings,
    engine: Engine,
    *,
    pressure: float | None = None,
) -> Equilibrated:
    """Go on from a snapshot with the thermostat for some time, watching for equilibrium.

    A fresh system starts from the stored state each time, so that a chain of snapshots is the
    same whether or not it was interrupted between them.

    Parameters
    ----------
    state : one replica.
    """
    step = engine.time_step(liquid)
    steps = round(time / step)
    if steps == 0:
        return Equilibrated(state, {})
    ensemble: Ensemble = NVT(temperature, temperature, settings.damping)
    if pressure is not None:
        ensemble = NPT(
            temperature, temperature, settings.damping, pressure, settings.pressure_damping
        )
    marks = sorted({round(steps * k / (2 * _BLOCKS)) for k in range(2 * _BLOCKS + 1)})
    lags = sorted({round(steps / 2 * f) for f in np.geomspace(1e-3, 1, 13)} - {0})
    middle = round(steps / 2)
    wanted = {0, middle, *lags, *(middle + lag for lag in lags if middle + lag <= steps)}
    a = types == 0
    stored: dict[int, FloatArray] = {}
    thermo: list[tuple[float, float, float]] = []
    with engine.open(liquid, types, state.box[0]) as system:
        system.place(state.positions, state.velocities)
        for reading in system.integrate(ensemble, sorted({*marks, *wanted})):
            if reading.step in wanted:
                stored[reading.step] = reading.positions[0, a]
            if reading.step in marks and reading.step:
                thermo.append(
                    (
                        float(reading.potential_energy[0]),
                        float(reading.pressure[0]),
                        float(reading.temperature[0]),
                    )
                )
        final = system.state()
    wavenumber = 2 * np.pi / liquid.sigma[0, 0]
    lags = [lag for lag in lags if middle + lag <= steps]
    scattering = [
        [
            float(self_intermediate_scattering(stored[begin + lag] - stored[begin], wavenumber))
            for lag in lags
        ]
        for begin in (0, middle)
    ]
    inside = wrap(final.positions, final.box[0])
    evidence = Evidence(
        time=steps * step,
        energy=_halves([t[0] for t in thermo]),
        pressure=_halves([t[1] for t in thermo]),
        temperature=_halves([t[2] for t in thermo]),
        lags=[lag * step for lag in lags],
        scattering=scattering,
        bond_order=bond_order(inside[0], final.box[0]),
    )
    return Equilibrated(State(inside, final.velocities, final.box), asdict(evidence))


def _advance(system: System, ensemble: Ensemble, steps: int) -> None:
    if steps:
        for _ in system.integrate(ensemble, [steps]):
            pass


def _halves(values: list[float]) -> list[tuple[float, float]]:
    """Mean and standard error of each half; the error from five blocks, which outlive memory."""
    result = []
    for half in np.array_split(np.array(values), 2):
        blocks = np.array([b.mean() for b in np.array_split(half, min(5, len(half))) if len(b)])
        error = blocks.std(ddof=1) / np.sqrt(len(blocks)) if len(blocks) > 1 else float("nan")
        result.append((float(half.mean()), float(np.nan_to_num(error))))
    return result
