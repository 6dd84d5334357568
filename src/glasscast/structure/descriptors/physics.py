r"""Physics-informed descriptors of GlassMLP: density, energy, cell size and energy fluctuation.

Jung, Biroli, Berthier, Phys. Rev. Lett. 130, 238202 (2023), on inherent structures. With the
weights :math:`w_{ij}(L) = e^{-r_{ij}/L}` and, for each species b and for all together,

.. math::
    D_i = \sum_{j \in b} w_{ij}, \quad
    \bar E_i = \frac1{D_i} \sum_{j \in b} w_{ij} E_j, \quad
    \bar P_i = \frac1{D_i} \sum_{j \in b} w_{ij} P_j, \quad
    V_i = \frac1{D_i} \sum_{j \in b} w_{ij} (E_j - \bar E_i)^2

where E is the potential energy of a particle and P the surface (perimeter in 2D) of its Voronoi
cell. For L = 0 the weight is 1 for the particle itself and 0 else; a mean over no particle is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.structure.descriptors.coarse_graining import coarse_grain

OBSERVABLES = ("density", "energy", "cell", "energy-variance")


@dataclass(frozen=True)
class PhysicsDescriptors:
    """Which descriptors to evaluate; the defaults give the published 64 (S + 1) columns.

    Parameters
    ----------
    species : number of species S.
    lengths : L in sigma; 0 for the bare value of the particle.
    """

    species: int
    lengths: tuple[float, ...] = field(default_factory=lambda: tuple(0.5 * k for k in range(16)))

    def feature_names(self) -> list[str]:
        """Names of the columns, in order: ``energy(L=0.5,A)``, ``density(L=2,all)``."""
        groups = [*(species_name(s) for s in range(self.species)), "all"]
        return [
            f"{observable}(L={length:g},{group})"
            for length in self.lengths
            for group in groups
            for observable in OBSERVABLES
        ]

    def compute(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        energies: FloatArray,
        cells: FloatArray,
        threads: int = 1,
    ) -> FloatArray:
        """Descriptors of every particle.

        Parameters
        ----------
        positions : (N, d) wrapped into the box, in sigma.
        types : (N,); box : (d,).
        energies : (N,) potential energies in epsilon.
        cells : (N,) surfaces or perimeters of the Voronoi cells.
        threads : row blocks worked on side by side.

        Returns
        -------
        (N, F) float64, columns as :meth:`feature_names`.
        """
        # Energies about their mean: the variance is a difference of two close numbers else.
        centre = energies.mean()
        shifted = energies - centre
        values = np.stack([np.ones_like(shifted), shifted, cells, shifted**2], axis=1)
        positive = [length for length in self.lengths if length > 0]
        sums = iter(coarse_grain(positions, types, box, values, positive, self.species, threads))
        bare = np.zeros((self.species, 4, len(types)))
        bare[types, :, np.arange(len(types))] = values
        blocks = []
        for length in self.lengths:
            by_species = next(sums) if length > 0 else bare
            groups = np.concatenate([by_species, by_species.sum(axis=0, keepdims=True)])
            blocks.append(_observables(groups, centre))
        return np.concatenate(blocks).reshape(-1, len(types)).T


def _observables(sums: FloatArray, centre: float) -> FloatArray:
    """From sums (G, 4, N) of 1, E, P, E^2 to the observables (G, 4, N)."""
    density = sums[:, 0]
    some = density > 0
    energy, cell, square = (
        np.divide(sums[:, k], density, out=np.zeros_like(density), where=some) for k in (1, 2, 3)
    )
    variance = np.maximum(square - energy**2, 0.0)
    return np.stack([density, np.where(some, energy + centre, 0.0), cell, variance], axis=1)
