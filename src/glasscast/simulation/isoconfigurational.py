"""Isoconfigurational ensemble: many runs from one configuration, reduced to targets on the fly.

Runs are the unit of work: each has a seed of its own, and is brought forward stretch by stretch.
Between stretches lies all that is needed to go on, as numbers; the next one begins in a fresh
system. So a run that was interrupted there ends as an undisturbed one does, to the bit, and runs
may be made anywhere in any order: their averages are taken in theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.targets import TargetAccumulator
from glasscast.errors import SimulationError
from glasscast.liquid.box import FloatArray, wrap
from glasscast.liquid.correlations import (
    mean_squared_displacement,
    self_intermediate_scattering,
)
from glasscast.liquid.interactions import Liquid
from glasscast.progress import Progress, Silent
from glasscast.simulation.engine import NVE, Engine, maxwell_boltzmann, steps_of

#: Most particle-steps of a stretch, about half an hour of one core.
LONGEST = 2_000_000_000


@dataclass(frozen=True, eq=False)
class Runs:
    """R runs side by side as far as they have come, enough to go on from.

    Parameters
    ----------
    step : time steps behind.
    positions, velocities : (R, N, d) at that step, positions wrapped.
    displacement : (R, N, d) from the start to that step, unwrapped.
    labels : (R, t, N, d) displacements at the label times behind.
    energies : (R, 1 + t) total per particle, at the start and the label times behind.
    temperatures, pressures : (R, t) instantaneous.
    """

    step: int
    positions: FloatArray
    velocities: FloatArray
    displacement: FloatArray
    labels: FloatArray
    energies: FloatArray
    temperatures: FloatArray
    pressures: FloatArray

    @classmethod
    def begin(
        cls,
        liquid: Liquid,
        snapshot: Configuration,
        temperature: float,
        numbers: Iterable[int],
        seed: Sequence[int],
    ) -> Runs:
        """Draw velocities from the Maxwell-Boltzmann distribution, without total momentum.

        Parameters
        ----------
        numbers : of the runs; run k has the seed sequence ``[*seed, k]``.

        Raises
        ------
        SettingsError : for a temperature that is not positive, or not the liquid's own.
        """
        liquid.check_temperature(temperature)
        masses = liquid.masses[snapshot.types]
        generators = (np.random.default_rng([*seed, number]) for number in numbers)
        velocities = np.stack(
            [maxwell_boltzmann(temperature, masses, snapshot.dimension, g) for g in generators]
        )
        count, none = len(velocities), np.zeros((len(velocities), 0))
        return cls(
            step=0,
            positions=np.repeat(snapshot.positions[None], count, axis=0),
            velocities=velocities,
            displacement=np.zeros(velocities.shape),
            labels=np.zeros((count, 0, *velocities.shape[1:])),
            energies=none,
            temperatures=none,
            pressures=none,
        )

    def arrays(self) -> dict[str, FloatArray]:
        """All but the step, by name."""
        return {key: value for key, value in vars(self).items() if key != "step"}

    def advanced(
        self,
        liquid: Liquid,
        snapshot: Configuration,
        engine: Engine,
        step: int,
        labels: Iterable[int],
    ) -> Runs:
        """Integrate on to a later step, thermostat off, in a fresh system.

        Parameters
        ----------
        labels : steps of all label times; those on the way are looked at.
        """
        behind = {label - self.step for label in labels if self.step < label <= step}
        begin = [] if self.step else [0]
        steps = [*begin, *sorted({*behind, step - self.step})]
        with engine.open(liquid, snapshot.types, snapshot.box) as system:
            system.place(self.positions, self.velocities)
            readings = list(system.integrate(NVE(), steps))
            velocities = system.state().velocities
        moved = [self.displacement + (r.positions - self.positions) for r in readings]
        seen = [k for k, reading in enumerate(readings) if reading.step in behind]
        rows = [moved[k][:, None] for k in seen]
        energies = self.energies if self.step else readings[0].energy[:, None]
        return Runs(
            step=step,
            positions=wrap(readings[-1].positions, snapshot.box),
            velocities=velocities,
            displacement=moved[-1],
            labels=np.concatenate([self.labels, *rows], axis=1),
            energies=np.column_stack([energies, *(readings[k].energy for k in seen)]),
            temperatures=np.column_stack(
                [self.temperatures, *(readings[k].temperature for k in seen)]
            ),
            pressures=np.column_stack([self.pressures, *(readings[k].pressure for k in seen)]),
        )


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
    """Run R trajectories from one configuration and average what happens to each particle.

    Parameters
    ----------
    snapshot : equilibrated at ``temperature``.
    times : increasing; each is rounded to a whole number of time steps, and the rounded times
        are what the result holds.
    seed : (seed of the data set, number of the configuration).
    progress : advanced by the particle-steps of each stretch.

    Returns
    -------
    Production.

    Raises
    ------
    SimulationError : if a run breaks down, or its energy drifts by more than 1e-2 per particle.
    SettingsError : for a temperature that is not positive or times that a step cannot tell apart.
    """
    steps = steps_of(times, engine.time_step(liquid))

    begun = (
        Runs.begin(liquid, snapshot, temperature, numbers, seed) for numbers in blocks(engine, runs)
    )
    ended = (to_the_end(block, liquid, snapshot, steps, engine, progress) for block in begun)
    return averaged(ended, liquid, snapshot, times, runs, engine, keep_trajectories)


def blocks(engine: Engine, runs: int) -> list[range]:
    """Numbers of the runs that go side by side, as replicas of the engine: the units of work."""
    together = engine.capabilities.replicas or runs
    return [range(first, min(first + together, runs)) for first in range(0, runs, together)]


def stretches(steps: Sequence[int], size: int) -> list[int]:
    """Tell at which steps the stretches of a run end: label times, and between distant ones.

    Parameters
    ----------
    steps : of the label times, or those of them at which a run is to be kept.
    size : particles of all runs side by side.
    """
    ends: list[int] = []
    for begin, end in pairwise([0, *steps]):
        pieces = -(-(end - begin) * size // LONGEST)
        ends += [begin + (end - begin) * piece // pieces for piece in range(1, pieces + 1)]
    return ends


def go_on(
    runs: Runs,
    liquid: Liquid,
    snapshot: Configuration,
    steps: Sequence[int],
    engine: Engine,
    progress: Progress | None = None,
    kept: Sequence[int] | None = None,
) -> Iterator[Runs]:
    """Bring runs to their end, yielding them after each stretch.

    Parameters
    ----------
    runs : just begun, or yielded here before.
    steps : of the label times.
    progress : advanced by the particle-steps of each stretch.
    kept : steps at which stretches end, the last one included; those of all label times if absent.

    Raises
    ------
    SimulationError : if a run breaks down, or its energy drifts by more than 1e-2 per particle.
    """
    size = len(runs.positions) * snapshot.size
    for step in stretches(kept or steps, size):
        if step > runs.step:
            before = runs.step
            runs = runs.advanced(liquid, snapshot, engine, step, steps)
            _check_energies(runs.energies)
            (progress or Silent()).advance(steps=(step - before) * size)
            yield runs


def to_the_end(
    runs: Runs,
    liquid: Liquid,
    snapshot: Configuration,
    steps: Sequence[int],
    engine: Engine,
    progress: Progress | None = None,
) -> Runs:
    """Bring runs to their end at once; see :func:`go_on`."""
    return deque(go_on(runs, liquid, snapshot, steps, engine, progress), maxlen=1).pop()


def averaged(
    ended: Iterable[Runs],
    liquid: Liquid,
    snapshot: Configuration,
    times: Sequence[float],
    count: int,
    engine: Engine,
    keep_trajectories: bool = False,
) -> Production:
    """Average runs, all at their end, in the order in which they come.

    Parameters
    ----------
    ended : one block after the other, so that memory holds one at a time.
    count : of runs in all.
    """
    step = engine.time_step(liquid)
    steps = steps_of(times, step)
    start, types = snapshot.positions, snapshot.types
    realised = np.round(np.array(steps) * step, 10)
    sums = TargetAccumulator(start, types, snapshot.box, realised, liquid.sigma)
    kept = (
        np.empty((count, len(steps), *start.shape), dtype=np.float32) if keep_trajectories else None
    )
    a, wavenumber = types == 0, 2 * np.pi / liquid.sigma[0, 0]
    scattering, squared = np.zeros(len(steps)), np.zeros(len(steps))
    energies, temperatures, pressures, number = [], [], [], 0
    for block in ended:
        energies.append(block.energies)
        temperatures.append(block.temperatures)
        pressures.append(block.pressures)
        for run in block.labels:
            for index, displacement in enumerate(run):
                sums.add(index, number, displacement)
                moved = displacement[a]
                scattering[index] += self_intermediate_scattering(moved, wavenumber) / count
                squared[index] += mean_squared_displacement(moved) / count
            if kept is not None:
                kept[number] = run
            number += 1
    change = np.concatenate(energies)
    change = change[:, 1:] - change[:, :1]
    return Production(
        fields=dict(sums.result()) | {"times": realised},
        drift=change[:, -1],
        fluctuation=float(np.abs(change).max()),
        scattering=scattering,
        squared_displacement=squared,
        temperature=float(np.concatenate(temperatures).mean()),
        pressure=float(np.concatenate(pressures).mean()),
        trajectories=kept,
        particle_steps=count * steps[-1] * snapshot.size,
    )


def _check_energies(energies: FloatArray) -> None:
    """Refuse runs, (R, 1 + t), whose energy is not conserved at all: too long a time step."""
    drift = float(np.abs(energies - energies[:, :1]).max())
    if drift > 1e-2:
        raise SimulationError(
            f"the energy per particle of a run drifted by {drift:.2g}; shorten engine.time_step"
        )
