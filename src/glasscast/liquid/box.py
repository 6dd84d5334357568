"""Periodic, orthorhombic boxes: wrapping and minimum image in any dimension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import ShapeError

FloatArray = NDArray[np.float64]


def wrap(positions: FloatArray, box: FloatArray) -> FloatArray:
    """Fold positions into the box ``[0, L)``.

    Parameters
    ----------
    positions : (..., d) in sigma, wrapped or not.
    box : (d,) sides in sigma.

    Returns
    -------
    (..., d) float64; the upper face itself (rounding) is folded to 0.
    """
    wrapped = np.mod(positions, box)
    # A tiny negative coordinate rounds to exactly L.
    wrapped[wrapped >= box] = 0.0
    return wrapped


def minimum_image(vectors: FloatArray, box: FloatArray) -> FloatArray:
    """Shortest periodic image of each vector.

    Parameters
    ----------
    vectors : (..., d) differences of positions, in sigma.
    box : (d,) sides in sigma.

    Returns
    -------
    (..., d) float64 with components in [-L/2, L/2].
    """
    return vectors - box * np.round(vectors / box)


def check_cutoff(cutoff: float, box: FloatArray) -> None:
    """Refuse a cutoff past half the shortest side, where the minimum image is ambiguous.

    Raises
    ------
    ShapeError : if the box is smaller than twice the cutoff.
    """
    if 2 * cutoff > np.min(box):
        raise ShapeError(
            f"box side {np.min(box):.4g} is smaller than twice the cutoff {cutoff:.4g}; "
            "use a larger system or a shorter cutoff"
        )
