"""Inherent structure: the nearest minimum of the potential energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import wrap
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.lammps.executable import open_engine
from glasscast.simulation.settings import EngineSettings, InherentSettings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class InherentStructure:
    """A minimum and how well it was reached.

    Parameters
    ----------
    positions : (N, d) wrapped.
    displacement : (N, d) from the start, unwrapped.
    energy : per particle, by our own sum over pairs.
    largest_force : on any particle, by our own sum over pairs.
    converged : whether that is below the tolerance asked for.
    """

    positions: FloatArray
    displacement: FloatArray
    energy: float
    largest_force: float
    converged: bool

    def record(self) -> dict[str, Any]:
        """Tell what is kept of the minimisation beside the positions, as JSON values."""
        return {
            "energy": self.energy,
            "largest_force": self.largest_force,
            "converged": self.converged,
        }


def find_inherent(
    liquid: Liquid,
    positions: FloatArray,
    types: NDArray[np.integer[Any]],
    box: FloatArray,
    settings: InherentSettings | None = None,
    engine: EngineSettings | None = None,
) -> InherentStructure:
    """Minimise by conjugate gradients from a configuration.

    The displacement is followed without wrapping, so that it is right even where a particle
    crosses the face of the box. Potentials that jump at the cutoff (``lj-cut``) stall above tight
    tolerances: look at ``converged``.

    Parameters
    ----------
    positions : (N, d) wrapped or not; types : (N,); box : (d,).

    Returns
    -------
    InherentStructure, its force and energy computed independently of the engine.

    Raises
    ------
    SimulationError, ShapeError, MissingExtraError : as the engine does.
    """
    settings = settings or InherentSettings()
    start = wrap(positions, box)
    with open_engine(liquid, types, box, engine) as running:
        running.place(start)
        running.minimise(settings.force_tolerance, settings.iterations)
        displacement = running.positions() - start
    final = wrap(start + displacement, box)
    force = np.linalg.norm(liquid.forces(final, types, box), axis=1).max()
    return InherentStructure(
        positions=final,
        displacement=displacement,
        energy=float(liquid.energies(final, types, box).mean()),
        largest_force=float(force),
        # the engine stops on its own forces, which differ from ours by rounding
        converged=bool(force <= 1.01 * settings.force_tolerance + 1e-11),
    )
