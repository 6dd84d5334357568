"""Isoconfigurational ensemble: many runs from one configuration, reduced to targets on the fly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.targets import TargetAccumulator
from glasscast.errors import SimulationError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.correlations import (
    mean_squared_displacement,
    self_intermediate_scattering,
)
from glasscast.liquid.interactions import Liquid
from glasscast.progress import Progress
from glasscast.simulation.engine import NVE, Engine, Reading, maxwell_boltzmann, steps_of


@dataclass(frozen=True)
class Production:
    """What the runs from one configuration gave.

    Parameters
    ----------
    fields : of a Configuration: times and targets.
    drift : (R,) change of the total energy per particle from start to end of each run.
    fluctuation : largest |E(t) - E(0)| per particle at any label time of any run.
    scattering : (T,) F_s of species A at k = 2 pi / sigma_AA, mean over the runs.
    squared_displacement : (T,) of species A, mean over the runs.
    temperature, pressure : means over runs and times.
    trajectories : (R, T, N, d) float32 displacements, or None.
    particle_steps : integrated.
    """

    fields: dict[str, Any]
    drift: FloatArray
    fluctuation: float
    scattering: FloatArray
    squared_displacement: FloatArray
    temperature: float
    pressure: float
    trajectories: NDArray[np.float32] | None = field(repr=False)
    particle_steps: int


def run_isoconfigurational(
    liquid: Liquid,
    snapshot: Configuration,
    temperature: float,
    times: Sequence[float],
    runs: int,
    seed: Sequence[int],
    engine: Engine,
    *,
    keep_trajectories: bool = False,
    progress: Progress | None = None,
) -> Production:
    r"""Run R trajectories from one configuration and average what happens to each particle.

    Velocities of run k are drawn from the Maxwell-Boltzmann distribution with the seed sequence
    ``[*seed, k]``, without total momentum; the thermostat is off (NVE). Displacements are
    unwrapped by counting crossings of the box.

    Parameters
    ----------
    snapshot : equilibrated at ``temperature``.
    times : increasing; each is rounded to a whole number of time steps, and the rounded times
        are what the result holds.
    seed : (seed of the data set, number of the configuration).
    progress : advanced by the particle-steps of each finished run.

    Returns
    -------
    Production.

    Raises
    ------
    SimulationError : if a run breaks down, or its energy drifts by more than 1e-2 per particle.
    SettingsError : for a temperature that is not positive or times that a step cannot tell apart.
    """
    step = engine.time_step(liquid)
    steps = steps_of(times, step)
    start, types = snapshot.positions, snapshot.types
    realised = np.round(np.array(steps) * step, 10)
    sums = TargetAccumulator(start, types, snapshot.box, realised, liquid.sigma)
    kept = (
        np.empty((runs, len(steps), *start.shape), dtype=np.float32) if keep_trajectories else None
    )
    a, wavenumber = types == 0, 2 * np.pi / liquid.sigma[0, 0]
    scattering, squared = np.zeros(len(steps)), np.zeros(len(steps))
    energies = np.empty((runs, len(steps) + 1))
    state = np.empty((runs, len(steps), 2))
    for chunk, index, reading in nve_runs(
        liquid, snapshot, temperature, steps, runs, seed, engine, progress=progress
    ):
        energies[chunk, index] = reading.energy
        if index == 0:
            continue
        state[chunk, index - 1] = np.stack([reading.temperature, reading.pressure], axis=1)
        for run, displacements in zip(chunk, reading.positions - start, strict=True):
            sums.add(index - 1, run, displacements)
            moved = displacements[a]
            scattering[index - 1] += self_intermediate_scattering(moved, wavenumber) / runs
            squared[index - 1] += mean_squared_displacement(moved) / runs
            if kept is not None:
                kept[run, index - 1] = displacements
    change = energies[:, 1:] - energies[:, :1]
    return Production(
        fields=dict(sums.result()) | {"times": realised},
        drift=change[:, -1],
        fluctuation=float(np.abs(change).max()),
        scattering=scattering,
        squared_displacement=squared,
        temperature=float(state[..., 0].mean()),
        pressure=float(state[..., 1].mean()),
        trajectories=kept,
        particle_steps=runs * steps[-1] * snapshot.size,
    )


def nve_runs(
    liquid: Liquid,
    snapshot: Configuration,
    temperature: float,
    steps: Sequence[int],
    runs: int,
    seed: Sequence[int],
    engine: Engine,
    *,
    progress: Progress | None = None,
) -> Iterator[tuple[range, int, Reading]]:
    """Integrate runs with fresh velocities from one configuration, thermostat off.

    As many runs as the engine takes go side by side, as its replicas.

    Parameters
    ----------
    steps : at which readings are taken after the start.
    seed : run k draws its velocities with the seed sequence ``[*seed, k]``.
    progress : advanced by the particle-steps of runs that are finished.

    Yields
    ------
    Numbers of the runs that the replicas are, number of the reading (0 at the start), reading.

    Raises
    ------
    SettingsError : for a temperature that is not positive, or not the liquid's own.
    SimulationError : if a run breaks down, or its energy drifts by more than 1e-2 per particle.
    """
    liquid.check_temperature(temperature)
    masses, together = liquid.masses[snapshot.types], engine.capabilities.replicas or runs
    start, dimension = snapshot.positions[None], snapshot.dimension
    with engine.open(liquid, snapshot.types, snapshot.box) as system:
        for first in range(0, runs, together):
            chunk = range(first, min(first + together, runs))
            generators = (np.random.default_rng([*seed, run]) for run in chunk)
            velocities = np.stack(
                [maxwell_boltzmann(temperature, masses, dimension, rng) for rng in generators]
            )
            before, energies = system.work, []
            system.place(np.repeat(start, len(chunk), axis=0), velocities)
            for index, reading in enumerate(system.integrate(NVE(), [0, *steps])):
                energies.append(reading.energy)
                yield chunk, index, reading
            _check_energies(np.array(energies), chunk)
            if progress is not None:
                progress.advance(steps=system.work - before)


def _check_energies(energies: FloatArray, runs: range) -> None:
    """Refuse runs, (T, R), whose energy is not conserved at all: their time step is too long."""
    drifts = np.abs(energies - energies[0]).max(axis=0)
    worst = int(np.argmax(drifts))
    if drifts[worst] > 1e-2:
        raise SimulationError(
            f"run {runs[worst]}: the energy per particle drifted by {drifts[worst]:.2g}; shorten "
            "engine.time_step"
        )
