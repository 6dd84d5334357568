r"""Cage state: mean positions while particles stay in their cages, found in one of two ways.

Restricted Monte Carlo, after the idea of Alkemade, Smallenburg and Filion, J. Chem. Phys. 158,
134512 (2023); the numbers they used are not public and are settings here. The liquid is sampled
with every particle confined to a sphere of radius R_cage around its place in the snapshot: by
:mod:`glasscast.simulation.monte_carlo` unless the engine can do so itself.

Short runs: the mean position at the end of a few runs of the isoconfigurational ensemble, past the
vibrations and long before the particles leave their cages. That costs a third of the time and is
noisier: with R runs the error of a place is the amplitude of the vibrations over sqrt(R).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray, check_cutoff, wrap
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import NVE, Confined, Engine, require, steps_of
from glasscast.simulation.isoconfigurational import Runs, blocks, to_the_end
from glasscast.simulation.registry import marks, sampler_for
from glasscast.simulation.settings import CageSettings, MonteCarloCage, RunsCage

_BLOCKS = 8
#: Number between the seed of a configuration and that of a short run: the runs behind labels, and
#: thermal copies, never have so large a number, so these are runs of their own.
_APART = 2**31


@dataclass(frozen=True)
class CageState:
    """Mean positions in the cages.

    Parameters
    ----------
    positions : (N, d) wrapped.
    displacement : (N, d) mean displacement from the start, centre of mass at rest.
    standard_error : (N,) of the length of the displacement, from blocks of the sampling or from
        runs.
    energy : per particle, of the mean positions.
    sampling : how it went, as JSON values: acceptance and step of the Monte Carlo, or the
        particle-steps of the runs.
    """

    positions: FloatArray
    displacement: FloatArray
    standard_error: FloatArray
    energy: float
    sampling: Mapping[str, float]

    @classmethod
    def of(
        cls,
        liquid: Liquid,
        snapshot: Configuration,
        displacement: FloatArray,
        spread: FloatArray,
        count: int,
        sampling: Mapping[str, float],
    ) -> CageState:
        """State of mean displacements (N, d) over ``count`` samples that spread (N, d) so far."""
        positions = wrap(snapshot.positions + displacement, snapshot.box)
        return cls(
            positions=positions,
            displacement=displacement,
            standard_error=np.sqrt(np.sum(spread**2, axis=1) / count),
            energy=float(liquid.energies(positions, snapshot.types, snapshot.box).mean()),
            sampling=sampling,
        )

    def record(self) -> dict[str, Any]:
        """Tell what is kept of the sampling beside the positions, as JSON values."""
        return {
            **self.sampling,
            "energy": self.energy,
            "standard_error": float(self.standard_error.mean()),
        }


def find_cage(
    liquid: Liquid,
    snapshot: Configuration,
    temperature: float,
    seed: Sequence[int],
    settings: CageSettings,
    engine: Engine,
) -> CageState:
    """Find the cage state of a configuration; see the module for the ways.

    Parameters
    ----------
    snapshot : thermal.
    temperature : of the Metropolis rule or the velocities, that of the simulation.
    seed : seed sequence; equal seeds give equal results.
    engine : that runs; it samples too, if it can.

    Raises
    ------
    MissingExtraError : if numba is absent, which the Monte Carlo needs.
    ShapeError : if the box is smaller than twice the cutoff plus 2 R_cage, or for unknown species.
    SettingsError : for a temperature that is not positive, or not the liquid's own.
    """
    liquid.check_temperature(temperature)
    check_cage(liquid, snapshot.box, settings)
    if isinstance(settings, RunsCage):
        return _by_runs(liquid, snapshot, temperature, seed, settings, engine)
    return _by_sampling(liquid, snapshot, temperature, seed, settings, sampler_for(engine))


def _by_runs(
    liquid: Liquid,
    snapshot: Configuration,
    temperature: float,
    seed: Sequence[int],
    settings: RunsCage,
    engine: Engine,
) -> CageState:
    steps = steps_of([settings.time], engine.time_step(liquid))
    begun = (
        Runs.begin(liquid, snapshot, temperature, numbers, [*seed, _APART])
        for numbers in blocks(engine, settings.runs)
    )
    ended = [to_the_end(runs, liquid, snapshot, steps, engine).displacement for runs in begun]
    moved = np.concatenate(ended)  # (R, N, d)
    work = {"particle_steps": settings.runs * steps[-1] * snapshot.size}
    spread = moved.std(axis=0, ddof=1)
    return CageState.of(liquid, snapshot, moved.mean(axis=0), spread, settings.runs, work)


def _by_sampling(
    liquid: Liquid,
    snapshot: Configuration,
    temperature: float,
    seed: Sequence[int],
    settings: MonteCarloCage,
    sampler: Engine,
) -> CageState:
    confined = Confined(
        temperature=temperature,
        radius=_radius(liquid, settings),
        burn_in=settings.burn_in,
        stride=settings.stride,
        step=settings.step,
        acceptance=settings.acceptance,
        seed=tuple(seed),
    )
    samples = max(1, settings.cycles // settings.stride)
    lengths = [len(b) for b in np.array_split(np.arange(samples), min(_BLOCKS, samples))]
    with sampler.open(liquid, snapshot.types, snapshot.box) as system:
        system.place(snapshot.positions[None])
        found = list(system.sample(confined, lengths))
    means = [mean.displacement[0] for mean in found]
    displacement = np.average(means, axis=0, weights=lengths)
    one = len(lengths) == 1
    spread = np.full(displacement.shape, np.nan) if one else np.std(means, axis=0, ddof=1)
    sampling = {
        "acceptance": float(np.average([m.acceptance[0] for m in found], weights=lengths)),
        "step": float(found[-1].step[0]),
    }
    return CageState.of(liquid, snapshot, displacement, spread, len(lengths), sampling)


def require_cage(engine: Engine, liquid: Liquid, settings: CageSettings) -> None:
    """Refuse an engine that cannot find cage states in this way.

    Raises
    ------
    SettingsError : naming what it cannot do, or for a time that is no time step.
    MissingExtraError : as :meth:`glasscast.simulation.engine.Engine.check` does.
    """
    if isinstance(settings, RunsCage):
        require(engine, liquid, NVE)
        steps_of([settings.time], engine.time_step(liquid))
    else:
        require(sampler_for(engine), liquid, samples=True)


def cage_marks(engine: Engine, liquid: Liquid, settings: CageSettings) -> dict[str, Any]:
    """Tell what decides a cage state beside the snapshot, temperature and seed, as JSON values."""
    runs = isinstance(settings, RunsCage)
    by = engine if runs else sampler_for(engine)
    return {"cage": settings.deciding()} | marks(by, liquid, moves=runs)


def check_cage(liquid: Liquid, box: FloatArray, settings: CageSettings) -> None:
    """Refuse a box in which confined particles would meet two images of one neighbour.

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff plus 2 R_cage.
    """
    if isinstance(settings, RunsCage):
        return
    try:
        check_cutoff(liquid.longest_cutoff + 2 * _radius(liquid, settings), box)
    except ShapeError as error:
        raise ShapeError(
            f"cage: {error} (here {liquid.longest_cutoff:g} of the potential and twice R_cage)"
        ) from None


def _radius(liquid: Liquid, settings: MonteCarloCage) -> float:
    return settings.radius * float(liquid.sigma[0, 0])
