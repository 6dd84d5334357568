r"""Shell averaging: each generation is a weighted mean of the one before over near neighbours."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import find_neighbours


def averaging_matrix(positions: FloatArray, box: FloatArray, cutoff: float) -> csr_array:
    r"""Weights of one shell average as a sparse (N, N) matrix whose rows sum to 1.

    .. math:: X^{(n)}_i = \frac1C \sum_{j: r_{ij} < r_c} e^{-r_{ij}/r_c} X^{(n-1)}_j

    Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), eq. 4. The sum includes j = i with
    weight 1, and all species together.

    Parameters
    ----------
    positions : (N, d) in sigma.
    box : (d,) sides in sigma.
    cutoff : r_c, near the second minimum of g(r); 2.3 for Kob-Andersen.

    Raises
    ------
    ShapeError : if there are so many neighbours that the units must be wrong.
    """
    pairs = find_neighbours(positions, box, cutoff)
    size = len(positions)
    weights = csr_array(
        (np.exp(-pairs.distances / cutoff), pairs.senders, pairs.offsets), shape=(size, size)
    )
    total = 1.0 + weights.sum(axis=1)
    itself = csr_array((np.ones(size), np.arange(size), np.arange(size + 1)), shape=(size, size))
    return csr_array((weights + itself).multiply((1.0 / total)[:, None]))


def generations(values: FloatArray, average: csr_array, order: int) -> FloatArray:
    """Concatenate generations 0 .. order of shell averages.

    Parameters
    ----------
    values : (N, F) generation 0.
    average : (N, N) from :func:`averaging_matrix`.
    order : n_max.

    Returns
    -------
    (N, F * (order + 1)) float64, generation by generation.
    """
    out = np.empty((len(values), values.shape[1] * (order + 1)))
    current = values
    for n in range(order + 1):
        if n:
            current = average @ current
        out[:, n * values.shape[1] : (n + 1) * values.shape[1]] = current
    return out
