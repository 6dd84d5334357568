r"""Radial and bond-orientational descriptors of Boattini, Smallenburg and Filion.

Phys. Rev. Lett. 127, 088007 (2021), eqs. 1-3: with the Gaussian shell weight
:math:`w(r_{ij}; r, \delta) = \exp[-(r_{ij} - r)^2 / 2\delta^2]`,

.. math::
    G_i(r, \delta, s) = \sum_{j \ne i,\, s_j = s} w, \qquad
    q_i(l, r, \delta) = \Big[ \tfrac{4\pi}{2l+1} \sum_m
    \Big| \tfrac1Z \sum_{j \ne i} w\, Y_l^m(\mathbf r_{ij}) \Big|^2 \Big]^{1/2},
    \quad Z = \sum_{j \ne i} w.

In two dimensions the harmonics are :math:`e^{il\theta}` and
:math:`q_i(l) = |\sum_j w\, e^{il\theta_{ij}}| / Z`. A particle with no neighbour near the shell
(Z below 1e-12) has q = 0.

Sums run over all periodic images within the cutoff, so the box may be of any size. Receivers are
handled in blocks, a thread each; per block the sums over neighbours are one segmented sum (radial)
and one small matrix product a particle (angular). Nothing of size (N, N) exists.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from glasscast.liquid.box import FloatArray, check_neighbours, minimum_image, repeat
from glasscast.liquid.harmonics import real_harmonics
from glasscast.liquid.interactions import species_name
from glasscast.runtime import for_blocks

#: Gaussians are cut where they have fallen to exp(-18), about 1.5e-8.
REACH = 6.0
_BLOCK = 128  # receivers a block: a few MB of pairs, well inside the cache hierarchy


@dataclass(frozen=True)
class RadialShells:
    """Shells of one width at which densities are taken."""

    radii: FloatArray
    width: float


def _default_radial() -> tuple[RadialShells, ...]:
    """Return the grid that satisfies every published count: 100 radii a species."""
    return (
        RadialShells(np.linspace(0.5, 1.975, 60), 0.025),
        RadialShells(np.linspace(2.0, 2.95, 20), 0.05),
        RadialShells(np.linspace(3.0, 4.9, 20), 0.1),
    )


@dataclass(frozen=True)
class ShellDescriptors:
    """Which shells to evaluate; the defaults give 100 a species + 192 columns.

    Parameters
    ----------
    species : number of species S; G has a column for each.
    radial : shells of G, inner to outer, or empty for none.
    angular_radii : shells of q, or empty for none.
    angular_width : delta of q, in sigma.
    degrees : q is taken for l = 1 .. degrees.
    """

    species: int
    radial: tuple[RadialShells, ...] = field(default_factory=_default_radial)
    angular_radii: FloatArray = field(default_factory=lambda: np.linspace(1.0, 2.5, 16))
    angular_width: float = 0.1
    degrees: int = 12

    def beyond(self, closest: float) -> ShellDescriptors:
        """Leave out the radial shells nearer than a distance, at which no particle can be.

        The paper does so for hard spheres: of the smaller diameter, 0.85, on there are 86 shells a
        species.
        """
        kept = [replace(s, radii=s.radii[s.radii > closest - 1e-9]) for s in self.radial]
        return replace(self, radial=tuple(s for s in kept if len(s.radii)))

    @property
    def cutoff(self) -> float:
        """Distance past which no neighbour counts, in sigma."""
        reach = [s.radii[-1] + REACH * s.width for s in self.radial]
        return float(max([*reach, self._angular_cutoff]))

    @property
    def _angular_cutoff(self) -> float:
        if len(self.angular_radii) == 0:
            return 0.0
        return float(self.angular_radii[-1] + REACH * self.angular_width)

    def feature_names(self) -> list[str]:
        """Names of the columns, in order: ``G(r=1.05,s=A)``, ``q(l=6,r=1.2)``."""
        radial = [
            f"G(r={r:.3f},s={species_name(s)})"
            for s in range(self.species)
            for shells in self.radial
            for r in shells.radii
        ]
        angular = [
            f"q(l={degree},r={r:.2f})"
            for r in self.angular_radii
            for degree in range(1, self.degrees + 1)
        ]
        return radial + angular

    def compute(
        self,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        threads: int = 1,
    ) -> FloatArray:
        """Descriptors of every particle.

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
        size, columns = len(positions), len(self.feature_names())
        check_neighbours(size, box, self.cutoff)
        out = np.empty((size, columns))
        # The tree knows one image of each sender: it gets a box that they fit into, with the
        # receivers first. Where the box is large enough as it is, that is the box.
        copies = np.maximum(np.ceil(2 * self.cutoff / box), 1).astype(np.int64)
        senders, sides = repeat(positions, box, copies), copies * box
        kinds = np.tile(types, np.prod(copies))
        tree = cKDTree(senders, boxsize=sides)

        def work(rows: slice) -> None:
            pairs = _BlockPairs.find(tree, senders, kinds, sides, rows, self.cutoff)
            angular = self._angular(pairs)
            radial = self._radial(pairs)
            out[rows] = np.concatenate([*radial, *angular], axis=1)

        for_blocks(work, size, _BLOCK, threads)
        return out

    def _radial(self, pairs: _BlockPairs) -> Iterator[FloatArray]:
        """G for each species: (block, radii) pieces in column order."""
        for s in range(self.species):
            of_species = pairs.types == s
            for shells in self.radial:
                reach = REACH * shells.width
                near = pairs.select(
                    of_species
                    & (pairs.distances > shells.radii[0] - reach)
                    & (pairs.distances < shells.radii[-1] + reach)
                )
                yield near.sum(_gaussians(near.distances, shells.radii, shells.width))

    def _angular(self, pairs: _BlockPairs) -> Iterator[FloatArray]:
        """Bond order as one (block, radii * degrees) piece; nothing without angular shells."""
        if len(self.angular_radii) == 0:
            return
        near = pairs.select(pairs.distances < self._angular_cutoff)
        weights = _gaussians(near.distances, self.angular_radii, self.angular_width)
        harmonics = _harmonics(near.vectors(), near.distances, self.degrees)
        moments = np.zeros((near.size, len(self.angular_radii), harmonics.shape[1]))
        for i, (a, b) in enumerate(itertools.pairwise(near.offsets)):
            np.matmul(weights[a:b].T, harmonics[a:b], out=moments[i])
        first, scale = _degree_columns(self.degrees, pairs.dimension)
        power = np.add.reduceat(np.square(moments, out=moments), first, axis=2)[:, :, 1:] * scale
        norm = near.sum(weights)[:, :, None]
        order = np.divide(np.sqrt(power), norm, out=np.zeros_like(power), where=norm > 1e-12)
        yield order.reshape(near.size, -1)


def _gaussians(distances: FloatArray, radii: FloatArray, width: float) -> FloatArray:
    """Shell weights: (pairs, radii)."""
    scaled = np.subtract.outer(distances / width, radii / width)
    np.multiply(scaled, scaled, out=scaled)
    scaled *= -0.5
    return np.asarray(np.exp(scaled, out=scaled))


def _degree_columns(degrees: int, dimension: int) -> tuple[NDArray[np.int64], FloatArray]:
    """First column of each degree l = 0 .. degrees, and the factor of each |q_l|^2 for l >= 1."""
    degree = np.arange(degrees + 1)
    if dimension == 2:
        return np.maximum(2 * degree - 1, 0), np.ones(degrees)
    return degree**2, 4 * np.pi / (2 * degree[1:] + 1)


def _harmonics(vectors: FloatArray, distances: FloatArray, degrees: int) -> FloatArray:
    """Real harmonics of l = 0 .. degrees: (pairs, columns), degree by degree."""
    if vectors.shape[1] == 2:
        angle = np.arctan2(vectors[:, 1], vectors[:, 0])
        phases = np.multiply.outer(angle, np.arange(1, degrees + 1))
        waves = np.stack([np.cos(phases), np.sin(phases)], axis=2).reshape(
            len(vectors), 2 * degrees
        )
        return np.column_stack([np.ones(len(vectors)), waves])
    return real_harmonics(vectors / np.maximum(distances, 1e-300)[:, None], degrees)


@dataclass(frozen=True)
class _BlockPairs:
    """Pairs of a block of receivers, sorted by receiver."""

    receivers: NDArray[np.int64]  # counted from the block's first
    senders: NDArray[np.int64]
    distances: FloatArray
    types: NDArray[np.integer]  # of the senders
    size: int  # receivers in the block
    start: int
    positions: FloatArray  # of all particles
    box: FloatArray

    @classmethod
    def find(
        cls,
        tree: cKDTree,
        positions: FloatArray,
        types: NDArray[np.integer],
        box: FloatArray,
        rows: slice,
        cutoff: float,
    ) -> _BlockPairs:
        start, size = rows.start, rows.stop - rows.start
        block = cKDTree(positions[rows], boxsize=box)
        found = block.sparse_distance_matrix(tree, cutoff, output_type="ndarray")
        found = found[found["i"] + start != found["j"]]
        # Small integers are sorted by radix, in linear time.
        found = found[np.argsort(found["i"].astype(np.uint16), kind="stable")]
        senders = found["j"]
        return cls(found["i"], senders, found["v"], types[senders], size, start, positions, box)

    @property
    def dimension(self) -> int:
        return len(self.box)

    @property
    def offsets(self) -> NDArray[np.int64]:
        return np.searchsorted(self.receivers, np.arange(self.size + 1))

    def select(self, keep: NDArray[np.bool_]) -> _BlockPairs:
        return _BlockPairs(
            self.receivers[keep],
            self.senders[keep],
            self.distances[keep],
            self.types[keep],
            self.size,
            self.start,
            self.positions,
            self.box,
        )

    def vectors(self) -> FloatArray:
        """Minimum image from receiver to sender: (pairs, d)."""
        centre = self.positions[self.start : self.start + self.size]
        return minimum_image(self.positions[self.senders] - centre[self.receivers], self.box)

    def sum(self, values: FloatArray) -> FloatArray:
        """Sum over the pairs of each receiver: (pairs, F) -> (block, F)."""
        out = np.zeros((self.size, values.shape[1]))
        present, first = np.unique(self.receivers, return_index=True)
        if len(first):
            out[present] = np.add.reduceat(values, first, axis=0)
        return out
