"""Bond-orientational order of each particle, averaged over its neighbours."""

from __future__ import annotations

import numpy as np

from glasscast.liquid.box import FloatArray, IntArray
from glasscast.liquid.harmonics import real_harmonics
from glasscast.liquid.neighbours import find_neighbours


def averaged_bond_order(
    positions: FloatArray, box: FloatArray, radius: float, degrees: int
) -> FloatArray:
    r"""Bond order parameters of l = 1, 2, ..., each averaged over a particle and its neighbours.

    .. math::
        q_l(i) = \sqrt{\frac{4 \pi}{2l + 1} \sum_m \Big| \frac{1}{N_b} \sum_{j \in N_b(i)}
        Y_{lm}(\hat r_{ij}) \Big|^2}, \qquad
        \bar q_l(i) = \frac{1}{N_b + 1} \sum_{k \in \{i\} \cup N_b(i)} q_l(k)

    Parameters
    ----------
    positions : (N, 3) wrapped into the box, in sigma.
    box : (3,) sides in sigma.
    radius : neighbours are closer than this, in sigma.
    degrees : highest l.

    Returns
    -------
    (N, degrees) float64; q_l of a particle without neighbours is 0.

    References
    ----------
    Boattini et al., Nat. Commun. 11, 5479 (2020); Steinhardt, Nelson, Ronchetti, Phys. Rev. B 28,
    784 (1983).
    """
    near = find_neighbours(positions, box, radius)
    counts, lengths = np.diff(near.offsets), np.maximum(near.distances, 1e-300)[:, None]
    harmonics = real_harmonics(near.vectors / lengths, degrees)  # (E, (l_max + 1)^2)
    sums = _sum(harmonics, near.receivers, len(positions)) / np.maximum(counts, 1)[:, None]
    order = np.empty((len(positions), degrees))
    for l in range(1, degrees + 1):  # noqa: E741  the paper's symbol
        power = np.square(sums[:, l * l : (l + 1) ** 2]).sum(axis=1)
        order[:, l - 1] = np.sqrt(4 * np.pi / (2 * l + 1) * power)
    around = _sum(order[near.senders], near.receivers, len(positions))
    return np.asarray((order + around) / (counts + 1)[:, None])


def _sum(values: FloatArray, receivers: IntArray, size: int) -> FloatArray:
    """Sum over the neighbours of each particle: (E, F) -> (N, F)."""
    columns = [np.bincount(receivers, column, size) for column in values.T]
    return np.stack(columns, axis=1)
