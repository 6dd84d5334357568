"""From a lattice to equilibrated snapshots: hot liquid, quench, thermostat, decorrelation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import SettingsError
from glasscast.liquid.box import check_cutoff, wrap
from glasscast.liquid.correlations import bond_order, self_intermediate_scattering
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import Engine, maxwell_boltzmann
from glasscast.simulation.ensembles import NPT, NVT, Ensemble
from glasscast.simulation.lammps.commands import time_step
from glasscast.simulation.lammps.executable import open_engine
from glasscast.simulation.settings import EngineSettings, EquilibrationSettings

FloatArray = NDArray[np.float64]
_BLOCKS = 50  # samples of energy, temperature and pressure in each stretch


@dataclass(frozen=True)
class Snapshot:
    """A liquid at one moment, enough to go on from.

    Parameters
    ----------
    positions : (N, d) wrapped.
    velocities : (N, d).
    box : (d,).
    evidence : of equilibrium, see :class:`Evidence`; as JSON values.
    """

    positions: FloatArray
    velocities: FloatArray
    box: FloatArray
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
    liquid: Liquid, types: NDArray[np.integer[Any]], box: FloatArray, rng: np.random.Generator
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
    seed: list[int],
    density: float | None = None,
    pressure: float | None = None,
    engine: EngineSettings | None = None,
) -> Snapshot:
    """Make one equilibrated configuration from nothing.

    Lattice, a short minimisation, ``hot_time`` at ``hot_temperature`` in a box ``expansion`` times
    larger, a quench (and compression) in ``quench_time``, then ``time`` at the target.

    Parameters
    ----------
    seed : seed sequence; everything random comes from it.
    """
    engine = engine or EngineSettings()
    rng = np.random.default_rng(seed)
    types, box = liquid.types(particles), box_of(liquid, particles, density)
    wide = box * settings.expansion
    step = time_step(liquid, engine)
    hot, quench = round(settings.hot_time / step), round(settings.quench_time / step)
    if settings.expansion > 1 and quench == 0:
        raise SettingsError("equilibration.quench_time must be positive with an expansion")
    masses = liquid.masses[types]
    with open_engine(liquid, types, wide, engine) as running:
        running.place(lattice(liquid, types, wide, rng))
        running.minimise(1e-3, 500)
        velocities = maxwell_boltzmann(settings.hot_temperature, masses, liquid.dimension, rng)
        running.place(running.positions(), velocities)
        hottest = settings.hot_temperature
        _advance(running, NVT(hottest, hottest, settings.damping), hot)
        sides = tuple(box.tolist()) if settings.expansion > 1 else None
        _advance(running, NVT(hottest, temperature, settings.damping, sides), quench)
        positions, velocities = running.positions(), running.velocities()
    snapshot = Snapshot(wrap(positions, box), velocities, box, {})
    return next_snapshot(
        liquid, types, snapshot, temperature, settings.time, settings, pressure, engine
    )


def next_snapshot(
    liquid: Liquid,
    types: NDArray[np.integer[Any]],
    snapshot: Snapshot,
    temperature: float,
    time: float,
    settings: EquilibrationSettings,
    pressure: float | None = None,
    engine: EngineSettings | None = None,
) -> Snapshot:
    """Go on from a snapshot with the thermostat for some time, watching for equilibrium.

    A fresh engine starts from the stored state each time, so that a chain of snapshots is the
    same whether or not it was interrupted between them.
    """
    engine = engine or EngineSettings()
    steps = round(time / time_step(liquid, engine))
    if steps == 0:
        return snapshot
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
    with open_engine(liquid, types, snapshot.box, engine) as running:
        running.place(snapshot.positions, snapshot.velocities)
        for sample in running.integrate(ensemble, sorted({*marks, *wanted})):
            if sample.step in wanted:
                stored[sample.step] = sample.positions[a]
            if sample.step in marks and sample.step:
                thermo.append((sample.potential_energy, sample.pressure, sample.temperature))
        final, box, velocities = running.positions(), running.box(), running.velocities()
    step = time_step(liquid, engine)
    wavenumber = 2 * np.pi / liquid.sigma[0, 0]
    lags = [lag for lag in lags if middle + lag <= steps]
    scattering = [
        [
            float(self_intermediate_scattering(stored[begin + lag] - stored[begin], wavenumber))
            for lag in lags
        ]
        for begin in (0, middle)
    ]
    inside = wrap(final, box)
    evidence = Evidence(
        time=steps * step,
        energy=_halves([t[0] for t in thermo]),
        pressure=_halves([t[1] for t in thermo]),
        temperature=_halves([t[2] for t in thermo]),
        lags=[lag * step for lag in lags],
        scattering=scattering,
        bond_order=bond_order(inside, box),
    )
    return Snapshot(inside, velocities, box, asdict(evidence))


def _advance(running: Engine, ensemble: Ensemble, steps: int) -> None:
    if steps:
        for _ in running.integrate(ensemble, [steps]):
            pass


def _halves(values: list[float]) -> list[tuple[float, float]]:
    """Mean and standard error of each half; the error from five blocks, which outlive memory."""
    result = []
    for half in np.array_split(np.array(values), 2):
        blocks = np.array([b.mean() for b in np.array_split(half, min(5, len(half))) if len(b)])
        error = blocks.std(ddof=1) / np.sqrt(len(blocks)) if len(blocks) > 1 else float("nan")
        result.append((float(half.mean()), float(np.nan_to_num(error))))
    return result
