r"""Exponential coarse-graining over all pairs, streamed in tiles, never an (N, N) array.

With :math:`w_{ij}(L) = e^{-r_{ij}/L}`, minimum-image distances and j = i included, the sums

.. math:: D_i(L, b) = \sum_{j \in b} w_{ij}(L), \qquad
    S_i(L, b) = \sum_{j \in b} w_{ij}(L)\, x_j

over the particles of species b are what every coarse-grained descriptor is made of (Jung, Biroli,
Berthier, Phys. Rev. Lett. 130, 238202 (2023); pairs beyond 20 are left out as there).

A box counts once, as published, unless it is smaller than the neighbourhood that other descriptors
see: a side below 11 is doubled until it is not, and minimum images are those of the longer box.
So a small box and the same box repeated have the same sums.

Exponentials are most of the work. A length that is half of another one needs none: its weights
are the squares of the other's, so the sixteen published lengths take eight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray, check_neighbours, minimum_image
from glasscast.runtime import for_blocks

#: Pairs farther apart do not count, in sigma.
REACH = 20.0
#: No side is seen shorter, in sigma: twice the cutoff of the shell descriptors.
SHORTEST = 11.0
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

    Raises
    ------
    ShapeError : if there are so many neighbours that the units must be wrong.
    """
    size, width = values.shape
    check_neighbours(size, box, SHORTEST)
    copies = copies_seen(box)
    by_species = np.zeros((size, species, width))
    by_species[np.arange(size), types] = values
    columns = by_species.reshape(size, -1)
    out = np.zeros((len(lengths), size, columns.shape[1]))
    chains = halving_chains(lengths)
    far = np.linalg.norm(copies * box / 2) > REACH
    step = max(1, _COLUMNS // int(np.prod(copies)))

    def work(rows: slice) -> None:
        for first in range(0, size, step):
            others = slice(first, first + step)
            distances = image_distances(positions[rows], positions[others], box, copies)
            if far:
                distances[distances > REACH] = np.inf
            for chain in chains:
                weights = np.exp(distances * (-1.0 / lengths[chain[0]]))
                for halvings, index in enumerate(chain):
                    if halvings:
                        weights *= weights
                    of_pairs = weights[0] if len(weights) == 1 else weights.sum(axis=0)
                    out[index, rows] += of_pairs @ columns[others]

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


def copies_seen(box: FloatArray) -> NDArray[np.int64]:
    """How often a box is seen along each axis: (d,) powers of two, 1 where it is large enough."""
    return np.exp2(np.ceil(np.log2(np.maximum(SHORTEST / box, 1)))).astype(np.int64)


def image_distances(
    rows: FloatArray, columns: FloatArray, box: FloatArray, copies: NDArray[np.int64]
) -> FloatArray:
    """Distances to the images of each particle that are seen, axis by axis to stay in the cache.

    Parameters
    ----------
    rows : (n, d) positions to see from; columns : (m, d) positions seen.
    box : (d,) sides.
    copies : (d,) from :func:`copies_seen`.

    Returns
    -------
    (M, n, m) float64, minimum images of the M copies of each particle in the box they fill.
    """
    square = np.zeros((*copies, len(rows), len(columns)))
    for axis, (side, count) in enumerate(zip(box, copies, strict=True)):
        seen = columns[:, axis] + np.arange(count)[:, None] * side  # (copies along it, m)
        along = minimum_image(rows[:, axis, None] - seen[:, None], count * side)
        shape = np.where(np.arange(len(copies)) == axis, count, 1)
        square += np.square(along, out=along).reshape(*shape, *along.shape[1:])
    return np.sqrt(square, out=square).reshape(-1, *square.shape[-2:])
