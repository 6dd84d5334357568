"""Displacements from a snapshot to its equilibrium positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import minimum_image


def equilibrium_displacement(configuration: Configuration, structure: str) -> NDArray[np.float64]:
    """Displacement from the snapshot to its equilibrium positions, minimum image.

    Parameters
    ----------
    structure : ``inherent`` or ``cage``.

    Returns
    -------
    (N, d) float64, in sigma; its length is how far a particle is from where it belongs.

    Raises
    ------
    ShapeError : if the configuration lacks these positions.
    """
    there = configuration.structure(structure)
    return minimum_image(there - configuration.positions, configuration.box)
