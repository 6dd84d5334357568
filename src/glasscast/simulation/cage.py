r"""Cage state: mean positions while no particle may leave its cage.

After the idea of Alkemade, Smallenburg and Filion, J. Chem. Phys. 158, 134512 (2023); the numbers
they used are not public and are settings here. The liquid is sampled with every particle confined
to a sphere of radius R_cage around its place in the snapshot: by
:mod:`glasscast.simulation.monte_carlo` unless the engine can do so itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray, check_cutoff, wrap
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import Confined, Engine
from glasscast.simulation.settings import CageSettings

_BLOCKS = 8


@dataclass(frozen=True)
class CageState:
    """Mean positions in the cages.

    Parameters
    ----------
    positions : (N, d) wrapped.
    displacement : (N, d) mean displacement from the start, centre of mass at rest.
    standard_error : (N,) of the length of the displacement, from blocks of the run.
    acceptance : share of accepted moves while averaging.
    step : frozen half-width of a trial move.
    energy : per particle, of the mean positions.
    """

    positions: FloatArray
    displacement: FloatArray
    standard_error: FloatArray
    acceptance: float
    step: float
    energy: float

    def record(self) -> dict[str, Any]:
        """Tell what is kept of the sampling beside the positions, as JSON values."""
        return {
            "acceptance": self.acceptance,
            "step": self.step,
            "energy": self.energy,
            "standard_error": float(self.standard_error.mean()),
        }


def find_cage(
    liquid: Liquid,
    snapshot: Configuration,
    temperature: float,
    seed: Sequence[int],
    settings: CageSettings,
    sampler: Engine,
) -> CageState:
    """Sample the cage state of a configuration; see the module for the method.

    Parameters
    ----------
    snapshot : thermal.
    temperature : of the Metropolis rule, that of the simulation.
    seed : seed sequence; equal seeds give equal results.
    sampler : engine that samples confined liquids.

    Raises
    ------
    MissingExtraError : if numba is absent.
    ShapeError : if the box is smaller than twice the cutoff plus 2 R_cage, or for unknown species.
    SettingsError : for a temperature that is not positive, or not the liquid's own.
    """
    liquid.check_temperature(temperature)
    check_cage(liquid, snapshot.box, settings)
    start, box = snapshot.positions, snapshot.box
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
    blocks = [len(b) for b in np.array_split(np.arange(samples), min(_BLOCKS, samples))]
    with sampler.open(liquid, snapshot.types, box) as system:
        system.place(start[None])
        found = list(system.sample(confined, blocks))
    means = [mean.displacement[0] for mean in found]
    displacement = np.average(means, axis=0, weights=blocks)
    spread = np.std(means, axis=0, ddof=1) if len(blocks) > 1 else np.full(start.shape, np.nan)
    cage = wrap(start + displacement, box)
    return CageState(
        positions=cage,
        displacement=displacement,
        standard_error=np.sqrt(np.sum(spread**2, axis=1) / len(blocks)),
        acceptance=float(np.average([mean.acceptance[0] for mean in found], weights=blocks)),
        step=float(found[-1].step[0]),
        energy=float(liquid.energies(cage, snapshot.types, box).mean()),
    )


def check_cage(liquid: Liquid, box: FloatArray, settings: CageSettings) -> None:
    """Refuse a box in which confined particles would meet two images of one neighbour.

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff plus 2 R_cage.
    """
    try:
        check_cutoff(liquid.longest_cutoff + 2 * _radius(liquid, settings), box)
    except ShapeError as error:
        raise ShapeError(
            f"cage: {error} (here {liquid.longest_cutoff:g} of the potential and twice R_cage)"
        ) from None


def _radius(liquid: Liquid, settings: CageSettings) -> float:
    return settings.radius * float(liquid.sigma[0, 0])
