r"""Densities of the species on a periodic voxel grid."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def grid_shape(box: FloatArray, spacing: float) -> tuple[int, ...]:
    """Voxels along each axis: as few as leave no side longer than ``spacing``."""
    return tuple(int(np.ceil(side / spacing - 1e-9)) for side in box)


def corner_weights(
    positions: FloatArray, box: FloatArray, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], FloatArray]:
    """Voxels around each position, and their shares in it by (bi-, tri-)linear interpolation.

    Parameters
    ----------
    positions : (N, d) wrapped into the box, in sigma.
    box : (d,) sides in sigma.
    shape : voxels along each axis.

    Returns
    -------
    (N, 2^d) flat indices of voxels and (N, 2^d) shares that add up to 1. Voxel centres lie at
    multiples of the voxel's sides, so a symmetry of the box maps the grid to itself.
    """
    scaled = positions / box * np.array(shape)
    low = np.floor(scaled).astype(np.int64)
    part = scaled - low
    indices, weights = [], []
    for corner in product((0, 1), repeat=len(shape)):
        place = np.mod(low + corner, shape)
        indices.append(np.ravel_multi_index(tuple(place.T), shape))
        weights.append(np.prod(np.where(corner, part, 1 - part), axis=1))
    return np.stack(indices, axis=1), np.stack(weights, axis=1)
