"""What can be known to fail is refused before hours of work, not after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.box import check_cutoff
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.cage import check_cage
from glasscast.simulation.settings import CageSettings


def check_snapshot(
    source: Path | str,
    liquid: Liquid,
    snapshot: Configuration,
    cage: CageSettings | None = None,
) -> None:
    """Refuse a snapshot that no simulation of the liquid can start from.

    Parameters
    ----------
    source : named in messages.
    cage : settings of a cage state to be found from it.

    Raises
    ------
    InputError : for another dimension, unknown species, a box too small for the potential or the
        cage, or overlapping particles.
    """
    types, box = snapshot.types, snapshot.box
    try:
        if len(box) != liquid.dimension:
            raise ShapeError(f"has {len(box)} dimensions, {liquid.name} {liquid.dimension}")
        liquid.check_types(types)
        check_cutoff(liquid.longest_cutoff, box)
        if cage is not None:
            check_cage(liquid, box, cage)
    except ShapeError as error:
        raise InputError(source, str(error)) from None
    inside = snapshot.positions
    tree = cKDTree(inside, boxsize=box)
    pairs = tree.query_pairs(float(liquid.core.max()), output_type="ndarray")
    if len(pairs):
        i, j = pairs.T
        apart = np.abs(inside[i] - inside[j])
        distances = np.linalg.norm(np.minimum(apart, box - apart), axis=1)
        ratio = distances / liquid.sigma[types[i], types[j]]
        ratio[distances >= liquid.core[types[i], types[j]]] = np.inf
        worst = int(np.argmin(ratio))
        if np.isfinite(ratio[worst]):
            raise InputError(
                source,
                f"particles {i[worst]} and {j[worst]} overlap: they are {distances[worst]:.3g} "
                f"apart, {ratio[worst]:.2g} of their diameter",
                "check the units, the box and the liquid",
            )
