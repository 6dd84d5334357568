"""Isoconfigurational ensemble: many runs from one configuration, reduced to targets on the fly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import SimulationError
from glasscast.liquid.box import wrap
from glasscast.liquid.correlations import (
    mean_squared_displacement,
    self_intermediate_scattering,
)
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import Sample, maxwell_boltzmann
from glasscast.simulation.ensembles import NVE
from glasscast.simulation.lammps.commands import steps_of, time_step
from glasscast.simulation.lammps.executable import open_engine
from glasscast.simulation.settings import EngineSettings

FloatArray = NDArray[np.float64]


class Accumulator(Protocol):
    """Reduces displacements to targets as they come; nothing else is kept of a trajectory."""

    def add(self, time_index: int, run: int, displacements: FloatArray) -> None:
        """Take in the (N, d) displacements of one run at one time."""

    def result(self) -> dict[str, Any]:
        """Fields of a Configuration."""


#: Makes an accumulator from (positions, types, box, times, sigma).
AccumulatorFactory = Callable[
    [FloatArray, NDArray[np.int8], FloatArray, FloatArray, FloatArray], Accumulator
]


def target_accumulator(
    positions: FloatArray,
    types: NDArray[np.int8],
    box: FloatArray,
    times: FloatArray,
    sigma: FloatArray,
) -> Accumulator:
    """Make the accumulator of all targets of the library."""
    from glasscast.datasets.targets import TargetAccumulator

    accumulator: Accumulator = TargetAccumulator(positions, types, box, times, sigma)
    return accumulator


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
    positions: FloatArray,
    types: NDArray[np.int8],
    box: FloatArray,
    temperature: float,
    times: Sequence[float],
    runs: int,
    seed: tuple[int, int] | list[int],
    engine: EngineSettings | None = None,
    keep_trajectories: bool = False,
    accumulator: AccumulatorFactory = target_accumulator,
    progress: Callable[[int], None] | None = None,
) -> Production:
    r"""Run R trajectories from one configuration and average what happens to each particle.

    Velocities of run k are drawn from the Maxwell-Boltzmann distribution with the seed sequence
    ``[*seed, k]``, without total momentum; the thermostat is off (NVE). Displacements are
    unwrapped by counting crossings of the box.

    Parameters
    ----------
    positions : (N, d) equilibrated at ``temperature``.
    times : increasing; each is rounded to a whole number of time steps, and the rounded times
        are what the result holds.
    seed : (seed of the data set, number of the configuration).
    progress : called with the particle-steps of each finished run.

    Returns
    -------
    Production.

    Raises
    ------
    SimulationError : if a run breaks down, or its energy drifts by more than 1e-2 per particle.
    SettingsError : for a temperature that is not positive or times that a step cannot tell apart.
    """
    engine = engine or EngineSettings()
    step = time_step(liquid, engine)
    steps = steps_of(times, step)
    start = wrap(positions, box)
    realised = np.round(np.array(steps) * step, 10)
    sums = accumulator(start, types, box, realised, liquid.sigma)
    kept = (
        np.empty((runs, len(steps), *start.shape), dtype=np.float32) if keep_trajectories else None
    )
    a, wavenumber = types == 0, 2 * np.pi / liquid.sigma[0, 0]
    scattering, squared = np.zeros(len(steps)), np.zeros(len(steps))
    energies = np.empty((runs, len(steps) + 1))
    state = np.empty((runs, len(steps), 2))
    work = 0

    def count(done: int) -> None:
        nonlocal work
        work += done
        if progress is not None:
            progress(done)

    for run, index, sample in nve_runs(
        liquid, start, types, box, temperature, steps, runs, seed, engine, count
    ):
        energies[run, index] = sample.energy
        if index == 0:
            continue
        displacements = sample.positions - start
        sums.add(index - 1, run, displacements)
        state[run, index - 1] = sample.temperature, sample.pressure
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
        particle_steps=work,
    )


def nve_runs(
    liquid: Liquid,
    start: FloatArray,
    types: NDArray[np.int8],
    box: FloatArray,
    temperature: float,
    steps: Sequence[int],
    runs: int,
    seed: Sequence[int],
    engine: EngineSettings,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, int, Sample]]:
    """Integrate runs with fresh velocities from one configuration, thermostat off.

    Parameters
    ----------
    start : (N, d), wrapped.
    steps : at which samples are taken after the start.
    seed : run k draws its velocities with the seed sequence ``[*seed, k]``.
    progress : called with the particle-steps of each finished run.

    Yields
    ------
    Run, number of the sample (0 at the start), and the sample with unwrapped positions.

    Raises
    ------
    SimulationError : if a run breaks down, or its energy drifts by more than 1e-2 per particle.
    """
    masses = liquid.masses[types]
    with open_engine(liquid, types, box, engine) as running:
        for run in range(runs):
            rng = np.random.default_rng([*seed, run])
            running.place(start, maxwell_boltzmann(temperature, masses, liquid.dimension, rng))
            before, energies = running.work, []
            for index, sample in enumerate(running.integrate(NVE(), [0, *steps])):
                energies.append(sample.energy)
                yield run, index, sample
            _check_energy(np.array(energies), run)
            if progress is not None:
                progress(running.work - before)


def _check_energy(energies: FloatArray, run: int) -> None:
    """Refuse a run whose energy is not conserved at all: its time step is too long."""
    drift = np.abs(energies - energies[0]).max()
    if drift > 1e-2:
        raise SimulationError(
            f"run {run}: the energy per particle drifted by {drift:.2g}; shorten engine.time_step"
        )
