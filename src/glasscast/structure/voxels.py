r"""Densities of the species on a periodic voxel grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Where a Gaussian is cut, in standard deviations.
REACH = 3.0


def grid_shape(box: FloatArray, spacing: float, multiple: int) -> tuple[int, ...]:
    """Voxels along each axis: as few as leave no side longer than ``spacing``.

    Their numbers are multiples of ``multiple``, so that the grid can be halved.
    """
    return tuple(multiple * int(np.ceil(side / (multiple * spacing) - 1e-9)) for side in box)


def smeared_weights(
    positions: FloatArray, box: FloatArray, shape: tuple[int, ...], width: float
) -> tuple[NDArray[np.int64], FloatArray]:
    r"""Voxels around each position, and their shares in a Gaussian centred on it.

    .. math:: w_{iv} \propto \prod_{k=1}^d \exp[-(x_{ik} - x_{vk})^2 / 2 s^2]

    over the voxels within about 3 s along each axis. From s = 0.8 sides of a voxel on, where
    between voxel centres a particle lies no longer matters to the density.

    Parameters
    ----------
    positions : (N, d) wrapped into the box, in sigma.
    box : (d,) sides in sigma.
    shape : voxels along each axis.
    width : s, in sigma.

    Returns
    -------
    (N, V) flat indices of voxels and (N, V) shares that add up to 1. Voxel centres lie at
    multiples of the voxel's sides, so a symmetry of the box maps the grid to itself.
    """
    sides = box / np.array(shape)
    low = np.floor(positions / sides).astype(np.int64)
    places, shares = [], []
    for axis, side in enumerate(sides):
        reach = max(1, int(np.ceil(REACH * width / side)))
        along = low[:, axis, None] + np.arange(1 - reach, reach + 1)  # as many on either side
        share = np.exp(-0.5 * ((positions[:, axis, None] - along * side) / width) ** 2)
        places.append(np.mod(along, shape[axis]))
        shares.append(share / share.sum(axis=1, keepdims=True))
    indices, weights = places[0], shares[0]
    for place, share, voxels in zip(places[1:], shares[1:], shape[1:], strict=True):
        indices = (indices[:, :, None] * voxels + place[:, None, :]).reshape(len(positions), -1)
        weights = (weights[:, :, None] * share[:, None, :]).reshape(len(positions), -1)
    return indices, weights
