r"""Exponential coarse-graining over all pairs, streamed in tiles, never an (N, N) array.

With :math:`w_{ij}(L) = e^{-r_{ij}/L}`, minimum-image distances and j = i included, the sums

.. math:: D_i(L, b) = \sum_{j \in b} w_{ij}(L), \qquad
    S_i(L, b) = \sum_{j \in b} w_{ij}(L)\, x_j

over the particles of species b are what every coarse-grained descriptor is made of (Jung, Biroli,
Berthier, Phys. Rev. Lett. 130, 238202 (2023); pairs beyond 20 are left out as there).

Exponentials are most of the work. A length that is half of another one needs none: its weights
are the squares of the other's, so the sixteen published lengths take eight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import minimum_image
from glasscast.runtime import for_blocks

FloatArray = NDArray[np.float64]

#: Pairs farther apart do not count, in sigma.
REACH = 20.0
_ROWS, _COLUMNS = 128, 1024  # of a tile: 1 MB of weights, which stays in the cache


def coarse_grain(
    positions: FloatArray,
    types: NDArray[np.integer],
    box: FloatArray,
    values: FloatArray,
    lengths: Sequence[float],
    species: int,
    threads: int = 1,
) -> FloatArray:
    """Weighted sums of quantities around every particle, species by species.

    Parameters
    ----------
    positions : (N, d) wrapped into the box, in sigma.
    types : (N,) species from 0, below ``species``.
    box : (d,) sides in sigma.
    values : (N, K) quantities x_j.
    lengths : L in sigma, all positive.
    species : number of species S.
    threads : row blocks worked on side by side; the result does not depend on it.

    Returns
    -------
    (lengths, S, K, N) float64; a column of ones among the values gives the density D.
    """
    size, width = values.shape
    by_species = np.zeros((size, species, width))
    by_species[np.arange(size), types] = values
    columns = by_species.reshape(size, -1)
    out = np.zeros((len(lengths), size, columns.shape[1]))
    chains = halving_chains(lengths)
    far = np.linalg.norm(box / 2) > REACH

    def work(rows: slice) -> None:
        for first in range(0, size, _COLUMNS):
            others = slice(first, first + _COLUMNS)
            distances = _distances(positions[rows], positions[others], box)
            if far:
                distances[distances > REACH] = np.inf
            for chain in chains:
                weights = np.exp(distances * (-1.0 / lengths[chain[0]]))
                for step, index in enumerate(chain):
                    if step:
                        weights *= weights
                    out[index, rows] += weights @ columns[others]

    for_blocks(work, size, _ROWS, threads)
    return out.reshape(len(lengths), size, species, width).transpose(0, 2, 3, 1)


def halving_chains(lengths: Sequence[float]) -> list[list[int]]:
    """Put lengths into chains, by index, each half of the one before it, longest first."""
    left = sorted(range(len(lengths)), key=lambda k: -lengths[k])
    chains = []
    while left:
        chain = [left.pop(0)]
        while (half := _find(lengths, left, lengths[chain[-1]] / 2)) is not None:
            left.remove(half)
            chain.append(half)
        chains.append(chain)
    return chains


def _find(lengths: Sequence[float], among: list[int], wanted: float) -> int | None:
    return next((k for k in among if abs(lengths[k] - wanted) <= 1e-14 * wanted), None)


def _distances(rows: FloatArray, columns: FloatArray, box: FloatArray) -> FloatArray:
    """Minimum-image distances (rows, columns), axis by axis to stay in the cache."""
    square = np.zeros((len(rows), len(columns)))
    for axis, side in enumerate(box):
        step = minimum_image(np.subtract.outer(rows[:, axis], columns[:, axis]), side)
        square += np.square(step, out=step)
    return np.asarray(np.sqrt(square, out=square))
