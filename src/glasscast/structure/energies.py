"""Potential energy of every particle, with the interactions of the liquid it belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.state_points import StatePoint, resolve
from glasscast.errors import ModelError, SettingsError
from glasscast.liquid.definition import load_liquid


def particle_energies(
    configuration: Configuration, positions: NDArray[np.float64], liquid: str | None
) -> NDArray[np.float64]:
    """Half of the energy of every pair a particle is in: (N,) float64, in epsilon.

    Parameters
    ----------
    configuration : gives types, box and, when ``liquid`` is None, the name of its liquid.
    positions : (N, d) where the energies are taken, e.g. the inherent structure.
    liquid : built-in name or path of a liquid file.

    Raises
    ------
    ModelError : if neither the settings nor the configuration name a liquid.
    """
    known = load_liquid(liquid_name(configuration, liquid))
    return known.energies(positions, configuration.types, configuration.box)


def liquid_name(configuration: Configuration, liquid: str | None) -> str:
    """Name or file of the liquid in the settings, else of the configuration's own.

    Raises
    ------
    ModelError : if neither the settings nor the configuration name a liquid.
    """
    if liquid:  # the model's choice, which need not be the liquid's own interactions
        return liquid
    try:
        found = resolve(
            configuration.metadata.state_point, StatePoint(), needs={"liquid": "its energies"}
        )
    except SettingsError as error:
        raise ModelError(f"{configuration.name} {error}") from None
    return str(found.point.liquid)
