r"""Dynamic targets: isoconfigurational averages, reduced while trajectories stream by.

Per trajectory, with displacement :math:`\mathbf u_i = \mathbf r_i(t) - \mathbf r_i(0)` and
pair vector :math:`\mathbf r_{ij} = \mathbf r_j - \mathbf r_i`:

- propensity :math:`|\mathbf u_i|` and tendency :math:`\mathbf u_i`;
- pair-distance change :math:`|\mathbf r_{ij}(t)| - |\mathbf r_{ij}(0)|` (Shiba et al.,
  J. Chem. Phys. 158, 084503 (2023), eq. 11);
- neighbour-relative displacement :math:`R_i` and non-affine displacement :math:`D_i` (same
  paper, section V C), with the best local strain :math:`\Lambda` of Falk and Langer,
  Phys. Rev. E 57, 7192 (1998);
- bond breaking: the share of first neighbours still close (Jung et al., arXiv 2311.14752).

The pairs, their vectors and the strain's geometry are found once a configuration; what is left
for each trajectory are gathers and a few sparse products. In a box smaller than twice a cutoff the
strain minds all periodic images, as :math:`R_i` and :math:`D_i` do; a bond is the nearest image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.frames import Ensemble, RunFrame
from glasscast.datasets.metadata import (
    Definitions,
    MeasuredRelaxation,
    Metadata,
    species_names,
)
from glasscast.datasets.records import TauFrom
from glasscast.datasets.scattering import RelaxationAccumulator, Wave
from glasscast.liquid.box import FloatArray, minimum_image, wrap
from glasscast.liquid.neighbours import Neighbours, find_neighbours, nearest_pairs

BOND_CUTOFF = 2.0  # sigma; the graph cutoff of every paper here
STRAIN_CUTOFF = 1.6  # sigma; neighbours that define the local strain
#: Initial neighbours lie within a * sigma_ab, a bond holds within b * sigma_ab: (a, b) by
#: dimension, as in the code behind GlassBench.
BOND_BREAKING = {2: (1.45, 1.7), 3: (1.4, 1.7)}


def definitions(dimension: int) -> Definitions:
    """Cutoffs behind these targets."""
    return Definitions(
        bonds=BOND_CUTOFF, strain=STRAIN_CUTOFF, bond_breaking=BOND_BREAKING[dimension]
    )


@dataclass(frozen=True)
class FrameTargets:
    """Everything one trajectory at one time contributes to the averages."""

    displacement: FloatArray  # (N, d)
    distance: FloatArray  # (N,)
    bond_change: FloatArray  # (E,)
    bond_breaking: FloatArray  # (N,)
    neighbour_relative: FloatArray  # (N,)
    nonaffine: FloatArray  # (N,)


class TargetAccumulator:
    """Running isoconfigurational averages of one configuration.

    Parameters
    ----------
    positions : (N, d) at t = 0, wrapped into the box, in sigma.
    types : (N,) species from 0.
    box : (d,) sides in sigma.
    times : (T,) of the frames to come.
    sigma : (S, S) pair diameters that scale the bond-breaking distances; 1 for all by default.

    Raises
    ------
    ShapeError : if there are so many neighbours that the units must be wrong.
    """

    def __init__(
        self,
        positions: FloatArray,
        types: NDArray[np.integer[Any]],
        box: FloatArray,
        times: FloatArray,
        sigma: FloatArray | None = None,
    ) -> None:
        size, dimension = positions.shape
        self.times = times
        pairs = find_neighbours(positions, box, BOND_CUTOFF)
        half = nearest_pairs(pairs.receivers, pairs.senders, pairs.distances)
        self._i, self._j = pairs.receivers[half], pairs.senders[half]
        self._vectors = np.ascontiguousarray(pairs.vectors[half].T)  # (d, E)
        self._lengths = pairs.distances[half]
        self._strain = _StrainGeometry(pairs.within(STRAIN_CUTOFF), size)
        self._set_bonds(types, sigma, BOND_BREAKING[dimension], size)
        shape = (len(times), size)
        self._counts = np.zeros((2, len(times)), dtype=np.int64)  # even and odd runs
        self._distance = np.zeros((2, *shape))
        self._displacement = np.zeros((*shape, dimension))
        self._change = np.zeros((2, len(times), len(self._i)))
        self._scalars = {
            key: np.zeros(shape) for key in ("bond_breaking", "neighbour_relative", "nonaffine")
        }

    def _set_bonds(
        self,
        types: NDArray[np.integer[Any]],
        sigma: FloatArray | None,
        reach: tuple[float, float],
        size: int,
    ) -> None:
        scale = np.ones(len(self._i)) if sigma is None else sigma[types[self._i], types[self._j]]
        self._bonded = np.flatnonzero(self._lengths < reach[0] * scale)
        self._bond_limit = reach[1] * scale[self._bonded]
        self._bond_ends = np.concatenate([self._i[self._bonded], self._j[self._bonded]])
        self._bond_count = np.bincount(self._bond_ends, minlength=size)

    @property
    def bonds(self) -> NDArray[np.int32]:
        """Pairs i < j closer than the bond cutoff at t = 0: (2, E)."""
        return np.stack([self._i, self._j]).astype(np.int32)

    def evaluate(self, displacement: FloatArray) -> FrameTargets:
        """All targets of one trajectory at one time; pure, so safe from many threads.

        Parameters
        ----------
        displacement : (N, d) float64, r(t) - r(0) without jumps, in sigma.
        """
        columns = np.ascontiguousarray(displacement.T)
        squared = np.zeros(len(self._i))
        for vector, column in zip(self._vectors, columns, strict=True):
            component = vector + column[self._j] - column[self._i]
            squared += component * component
        lengths = np.sqrt(squared)
        kept = (lengths[self._bonded] < self._bond_limit).astype(np.float64)
        still = np.bincount(self._bond_ends, weights=np.tile(kept, 2), minlength=len(displacement))
        relative, nonaffine = self._strain.evaluate(displacement)
        return FrameTargets(
            displacement=displacement,
            distance=np.sqrt(np.einsum("nd,nd->n", displacement, displacement)),
            bond_change=lengths - self._lengths,
            # A particle without neighbours has lost none.
            bond_breaking=np.where(
                self._bond_count > 0, still / np.maximum(self._bond_count, 1), 1.0
            ),
            neighbour_relative=relative,
            nonaffine=nonaffine,
        )

    def add(self, time_index: int, run: int, displacement: FloatArray) -> None:
        """Count one trajectory at one time.

        Parameters
        ----------
        time_index : row in ``times``.
        run : number of the trajectory; even and odd runs make the two halves.
        displacement : (N, d) r(t) - r(0) without jumps, in sigma.
        """
        self._add_frame(time_index, run, self.evaluate(displacement))

    def add_frames(self, frames: Iterable[RunFrame], threads: int = 1) -> None:
        """Count many frames whose arrays are displacements, evaluating them side by side.

        Sums are taken in the order of the frames, so the result does not depend on ``threads``.
        """
        stream = iter(frames)
        with ThreadPoolExecutor(threads) as pool:
            # A few frames at a time: memory stays bounded however long the stream is.
            while chunk := list(islice(stream, 4 * threads)):
                results = pool.map(lambda frame: self.evaluate(frame.positions), chunk)
                for frame, result in zip(chunk, results, strict=True):
                    self._add_frame(frame.row, frame.run, result)

    def _add_frame(self, time_index: int, run: int, frame: FrameTargets) -> None:
        self._counts[run % 2, time_index] += 1
        self._distance[run % 2, time_index] += frame.distance
        self._displacement[time_index] += frame.displacement
        self._change[run % 2, time_index] += frame.bond_change
        for key, total in self._scalars.items():
            total[time_index] += getattr(frame, key)

    def result(self, partial: bool = False) -> dict[str, NDArray[Any]]:
        """Averages so far, as fields of a Configuration.

        Halves of propensity and pair-distance change are NaN where one has no trajectory, and left
        out where that is so at all times.

        Parameters
        ----------
        partial : labels are NaN at times without a trajectory.

        Raises
        ------
        ValueError : if some time, or with ``partial`` all, have no trajectory.
        """
        runs = self._counts.sum(axis=0)
        if not np.any(runs) or not (partial or np.all(runs)):
            raise ValueError(f"no trajectory at t = {self.times[np.argmin(runs)]:g}")
        number = np.where(runs > 0, runs, np.nan)
        fields: dict[str, NDArray[Any]] = {
            "propensity": self._distance.sum(axis=0) / number[:, None],
            "tendency": self._displacement / number[:, None, None],
            "bond_change": self._change.sum(axis=0) / number[:, None],
        }
        fields |= {key: total / number[:, None] for key, total in self._scalars.items()}
        both = np.all(self._counts > 0, axis=0)
        if both.any():
            each = np.where(both, self._counts, np.nan)[:, :, None]
            fields["propensity_halves"] = self._distance / each
            fields["bond_change_halves"] = self._change / each
        found = {key: value.astype(np.float32) for key, value in fields.items()}
        return {
            "times": self.times,
            "runs": runs.astype(np.int32),
            "bonds": self.bonds,
            **found,
        }


class _StrainGeometry:
    r"""Neighbours within 1.6 at t = 0 and the sums that the best local strain needs.

    With :math:`\mathbf a_j = \mathbf r_{ij}(0)` and :math:`\mathbf b_j = \mathbf r_{ij}(t)`, the
    strain :math:`\Lambda = X Y^{-1}`, :math:`X = \sum_j \mathbf b_j \mathbf a_j^T`,
    :math:`Y = \sum_j \mathbf a_j \mathbf a_j^T` minimises
    :math:`\sum_j |\mathbf b_j - \Lambda \mathbf a_j|^2`, whose minimum is
    :math:`\sum_j |\mathbf b_j|^2 - \mathrm{tr}(\Lambda X^T)`. As b is linear in the
    displacements, each sum over j is one product with a fixed sparse matrix.
    """

    def __init__(self, pairs: Neighbours, size: int) -> None:
        shape = (size, size)

        def matrix(values: FloatArray) -> csr_array:
            return csr_array((values, pairs.senders, pairs.offsets), shape=shape)

        columns = [np.ascontiguousarray(column) for column in pairs.vectors.T]
        self._ones = matrix(np.ones(len(pairs.senders)))
        self._vectors = [matrix(column) for column in columns]
        self._count = np.diff(pairs.offsets).astype(np.float64)
        self._sum = np.stack([m.sum(axis=1) for m in self._vectors], axis=1)  # (N, d)
        self._outer = np.stack(  # Y: (N, d, d)
            [[matrix(a * b).sum(axis=1) for b in columns] for a in columns]
        ).transpose(2, 0, 1)
        # Fewer neighbours than dimensions leave directions without strain.
        self._inverse = np.linalg.pinv(self._outer, hermitian=True)

    def evaluate(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """R_i and D_i of one trajectory: two (N,) arrays."""
        count = self._count[:, None]
        sum_u = self._ones @ u  # (N, d)
        sum_b = self._sum + sum_u - count * u
        # X[n, e, f] = sum_j b_e a_f = Y + sum_j u_je a_f - u_ie sum_j a_f
        cross = np.stack([m @ u for m in self._vectors], axis=2)
        x = self._outer + cross - u[:, :, None] * self._sum[:, None, :]
        strain = x @ self._inverse
        uu = np.einsum("nd,nd->n", u, u)
        squared = (
            np.trace(self._outer, axis1=1, axis2=2)
            + 2 * (np.trace(cross, axis1=1, axis2=2) - np.einsum("nd,nd->n", u, self._sum))
            + self._ones @ uu
            - 2 * np.einsum("nd,nd->n", u, sum_u)
            + self._count * uu
        )
        left = np.maximum(squared - np.einsum("nef,nef->n", strain, x), 0.0)  # rounding
        residual = sum_b - np.einsum("nef,nf->ne", strain, self._sum)
        number = np.maximum(self._count, 1)
        return np.linalg.norm(residual, axis=1) / number, np.sqrt(left / number)


def reduce_ensemble(
    ensemble: Ensemble,
    sigma: FloatArray | None = None,
    threads: int = 1,
    wave: Wave | None = None,
) -> Configuration:
    """Average an ensemble's trajectories into a configuration with all its targets.

    Parameters
    ----------
    ensemble : from any reader; a bare snapshot gives a configuration without dynamics.
    sigma : (S, S) pair diameters for bond breaking.
    threads : trajectories evaluated side by side; the result does not depend on it.
    wave : wave number at which the scattering function of species A is measured as well.

    Raises
    ------
    ShapeError : if the arrays break the contract of Configuration.
    """
    parent, box = ensemble.parent, ensemble.parent.box
    fields: dict[str, Any] = {}
    metadata = dict(ensemble.metadata)

    def displacements() -> Iterator[RunFrame]:
        for frame in ensemble.frames():
            moved = frame.positions - parent.positions
            yield frame._replace(positions=minimum_image(moved, box) if ensemble.wrapped else moved)

    if len(ensemble.times) and "propensity" not in ensemble.labels:
        start = wrap(parent.positions, box)
        accumulator = TargetAccumulator(start, parent.types, box, ensemble.times, sigma)
        relaxation = None if wave is None else _relaxation_of(ensemble, wave)

        def frames() -> Iterator[RunFrame]:
            for frame in displacements():
                if relaxation is not None:
                    relaxation.add(frame.row, frame.positions)
                yield frame

        accumulator.add_frames(frames(), threads)
        fields = accumulator.result(ensemble.partial)
        if relaxation is not None:
            measured = relaxation.result(ensemble.times, *_told(ensemble))
            metadata["relaxation"] = None if measured is None else measured.model_dump()
        metadata["definitions"] = definitions(len(box)).model_dump()
    fields |= {"times": ensemble.times} | ensemble.labels
    made = replace(ensemble, metadata=metadata).configuration(fields)
    return made if ensemble.stages is None else made.by_stages(*ensemble.stages)


def _relaxation_of(ensemble: Ensemble, wave: Wave) -> RelaxationAccumulator:
    """Return what measures how species A of an ensemble relaxes."""
    types = ensemble.parent.types
    return RelaxationAccumulator(types == types.min(), wave, len(ensemble.times))


def _told(ensemble: Ensemble) -> tuple[str, float | None, TauFrom | None]:
    """Name of species A, and the relaxation time that the files tell."""
    told = Metadata.of(ensemble.metadata)
    known = told.relaxation or MeasuredRelaxation()
    first = int(ensemble.parent.types.min())
    names = told.species or species_names(first + 1, told.state_point.liquid)
    return names[first], known.tau_alpha, known.tau_from
