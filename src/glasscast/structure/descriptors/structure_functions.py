r"""Radial and angular structure functions, the input of the softness.

Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007), as used for glasses by Cubuk et al.,
Phys. Rev. Lett. 114, 108001 (2015):

.. math::
    G_i(\mu, b) = \sum_{j \in b} e^{-(r_{ij} - \mu)^2 / L^2}, \qquad
    \Psi_i(\xi, \lambda, \zeta, bc) = \sum_{j \in b,\, k \in c}
    e^{-(r_{ij}^2 + r_{jk}^2 + r_{ik}^2)/\xi^2} (1 + \lambda \cos\theta_{jik})^\zeta

over pairs j < k of neighbours closer than a cutoff. Neither the list of parameters of Bapst et al.
(440 functions) nor its cutoffs are public; the grids here are those of the softness literature.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.liquid.neighbours import Neighbours, find_neighbours
from glasscast.runtime import for_blocks
from glasscast.structure.descriptors.shells import RadialShells, ShellDescriptors

_BLOCK = 4  # receivers a block: a few MB of triplets

#: (xi in sigma, zeta, lambda) of the angular functions.
ANGULAR: tuple[tuple[float, int, int], ...] = (
    *((xi, zeta, sign) for xi in (14.638, 2.554) for zeta in (1, 2) for sign in (-1, 1)),
    *((1.648, zeta, 1) for zeta in (1, 2)),
    *((xi, zeta, 1) for xi in (1.204, 0.933, 0.695) for zeta in (1, 2, 4, 16)),
)
#: As many as the 440 functions of Bapst et al. for two species: 100 radii, 80 angular functions.
#: Their own list is not public; these grids are finer and wider than those above.
MANY_RADII = np.linspace(0.05, 5.0, 100)
MANY_ANGULAR: tuple[tuple[float, int, int], ...] = tuple(
    (xi, zeta, sign)
    for xi in (14.638, 8.0, 4.0, 2.554, 2.0, 1.648, 1.4, 1.204, 0.933, 0.695)
    for zeta in (1, 2, 4, 16)
    for sign in (-1, 1)
)


@dataclass(frozen=True)
class StructureFunctions:
    """Which functions to evaluate; the defaults give 160 for two species.

    Parameters
    ----------
    species : number of species S.
    radii : mu of the radial functions, in sigma.
    width : L of the radial functions, in sigma.
    angular : (xi, zeta, lambda) of the angular functions.
    angular_cutoff : neighbours in triplets are closer than this, in sigma.
    """

    species: int
    radii: FloatArray = field(default_factory=lambda: np.linspace(0.4, 5.0, 47))
    width: float = 0.1
    angular: tuple[tuple[float, int, int], ...] = ANGULAR
    angular_cutoff: float = 2.5

    @property
    def radial(self) -> ShellDescriptors:
        """The radial functions are Gaussian shells of standard deviation L / sqrt(2)."""
        shells = RadialShells(self.radii, self.width / np.sqrt(2))
        return ShellDescriptors(self.species, radial=(shells,), angular_radii=np.empty(0))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Unordered pairs of species."""
        return [(b, c) for b in range(self.species) for c in range(b, self.species)]

    def feature_names(self) -> list[str]:
        """Names of the columns, in order: ``G(r=1.100,s=A)``, ``Psi(xi=2.554,...,AB)``."""
        angular = [
            f"Psi(xi={xi:g},zeta={zeta},lambda={sign},{species_name(b)}{species_name(c)})"
            for xi, zeta, sign in self.angular
            for b, c in self.pairs
        ]
        return self.radial.feature_names() + angular

    def compute(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        threads: int = 1,
    ) -> FloatArray:
        """Structure functions of every particle.

        Parameters
        ----------
        positions : (N, d) wrapped into the box, in sigma; d = 2 or 3.
        types : (N,) species from 0, below ``species``.
        box : (d,) sides in sigma.
        threads : blocks worked on side by side; the result does not depend on it.

        Returns
        -------
        (N, F) float64, columns as :meth:`feature_names`.

        Raises
        ------
        ShapeError : if there are so many neighbours that the units must be wrong.
        """
        radial = self.radial.compute(positions, types, box, threads)
        near = find_neighbours(positions, box, self.angular_cutoff)
        angular = np.empty((len(positions), len(self.angular) * len(self.pairs)))

        def work(rows: slice) -> None:
            angular[rows] = self._angular(near, types, rows)

        for_blocks(work, len(positions), _BLOCK, threads)
        return np.concatenate([radial, angular], axis=1)

    def _angular(self, near: Neighbours, types: NDArray[np.integer], rows: slice) -> FloatArray:
        """Psi of a block of receivers, (block, angular * pairs)."""
        start, stop = rows.start, rows.stop
        counts = np.diff(near.offsets[start : stop + 1])
        width = int(counts.max(initial=0))
        if width < 2:
            return np.zeros((stop - start, len(self.angular) * len(self.pairs)))
        # Neighbours in rows of equal length; what is not there gets species -1 and no weight.
        slots = near.offsets[start:stop, None] + np.arange(width)
        there = np.arange(width) < counts[:, None]
        slots = np.where(there, slots, near.offsets[start])
        r = near.distances[slots]
        unit = near.vectors[slots] / r[:, :, None]
        kind = np.where(there, types[near.senders[slots]], -1)
        j, k = np.triu_indices(width, 1)
        cosine = np.einsum("bpd,bpd->bp", unit[:, j], unit[:, k])
        rj, rk = r[:, j], r[:, k]
        square = 2 * (rj**2 + rk**2 - rj * rk * cosine)  # r_jk by the law of cosines
        weights = self._pair_weights(kind[:, j], kind[:, k])
        values = self._functions(cosine, square) @ weights  # (block, angular, pairs)
        return np.asarray(values.reshape(stop - start, -1))

    def _pair_weights(self, first: NDArray[np.integer], second: NDArray[np.integer]) -> FloatArray:
        """1 where a pair of neighbours is of the pair of species: (block, P, pairs)."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        masks = [(low == b) & (high == c) for b, c in self.pairs]
        return np.stack(masks, axis=2).astype(np.float64)

    def _functions(self, cosine: FloatArray, square: FloatArray) -> FloatArray:
        """Value of every angular function on every pair: (block, angular, P)."""
        out = np.empty((len(cosine), len(self.angular), cosine.shape[1]))
        gaussians: dict[float, FloatArray] = {}
        for index, (xi, zeta, sign) in enumerate(self.angular):
            if xi not in gaussians:
                gaussians[xi] = np.exp(square * (-1 / xi**2))
            lobe = 1 + cosine if sign > 0 else 1 - cosine
            out[:, index] = gaussians[xi] * _power(lobe, zeta)
        return out


def _power(base: FloatArray, exponent: int) -> FloatArray:
    """Integer power by squaring; numpy's own goes through logarithms."""
    result = base
    while exponent > 1 and exponent % 2 == 0:
        result, exponent = result * result, exponent // 2
    return result if exponent == 1 else result**exponent
