r"""Particles and the periodic voxel grid they lie on, as input of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasscast.liquid.box import FloatArray

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


@dataclass(frozen=True)
class VoxelBatch:
    """Where the particles of one or more configurations lie on grids of one shape.

    Parameters
    ----------
    types : (N,) int64 species.
    voxels : (N, V) int64, flat indices into the grids one after the other.
    weights : (N, V) float32, shares of the voxels in a particle's density.
    shape : voxels along each axis.
    counts : particles of each configuration, in order.
    """

    types: Tensor
    voxels: Tensor
    weights: Tensor
    shape: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def dimension(self) -> int:
        """Dimension of space."""
        return len(self.shape)

    def density(self, species: Sequence[int]) -> Tensor:
        """Density of each species over the mean of all: (configurations, S, and the shape)."""
        cells = int(torch.tensor(self.shape).prod())
        index = torch.zeros(max(species) + 1, dtype=torch.int64, device=self.types.device)
        index[list(species)] = torch.arange(len(species), device=self.types.device)
        # Voxels count through all configurations; species become the axis in between.
        number = self.voxels // cells
        place = self.voxels % cells
        flat = (number * len(species) + index[self.types].unsqueeze(1)) * cells + place
        out = self.weights.new_zeros(len(self.counts) * len(species) * cells)
        sizes = torch.tensor(self.counts, device=out.device)[number]
        out.index_add_(0, flat.flatten(), (self.weights * cells / sizes).flatten())
        return out.view(len(self.counts), len(species), *self.shape)

    def read(self, field: Tensor) -> Tensor:
        """Average a field (configurations, F, and the shape) over each particle: (N, F)."""
        flat = field.movedim(1, -1).reshape(-1, field.shape[1])
        return torch.einsum("nkf,nk->nf", flat[self.voxels], self.weights)

    def nbytes(self) -> int:
        """Memory held."""
        tensors = (self.types, self.voxels, self.weights)
        return sum(t.numel() * t.element_size() for t in tensors)

    def to(self, device: torch.device | str) -> VoxelBatch:
        """Return a copy on a device."""
        return replace(
            self,
            types=self.types.to(device),
            voxels=self.voxels.to(device),
            weights=self.weights.to(device),
        )

    def transformed(self, symmetry: Tensor) -> VoxelBatch:
        """Apply a signed permutation of the axes to a cubic grid.

        Raises
        ------
        ValueError : if the symmetry does not map the grid to itself.
        """
        axes = symmetry.abs().argmax(dim=1).tolist()
        if tuple(self.shape[a] for a in axes) != self.shape:
            raise ValueError(f"a grid of {self.shape} voxels has no such symmetry")
        place = list(torch.unravel_index(self.voxels, (len(self.counts), *self.shape)))
        number, place = place[0], place[1:]
        flat = number
        for row, axis in enumerate(axes):
            sign = int(symmetry[row, axis].sign())
            flat = flat * self.shape[row] + (sign * place[axis]) % self.shape[row]
        return replace(self, voxels=flat)

    @staticmethod
    def join(parts: Sequence[VoxelBatch]) -> VoxelBatch:
        """Put configurations on grids of one shape side by side."""
        cells = int(torch.tensor(parts[0].shape).prod())
        starts = [0]
        for part in parts:
            starts.append(starts[-1] + cells * len(part.counts))
        return VoxelBatch(
            torch.cat([p.types for p in parts]),
            torch.cat([p.voxels + s for p, s in zip(parts, starts, strict=False)]),
            torch.cat([p.weights for p in parts]),
            parts[0].shape,
            tuple(c for p in parts for c in p.counts),
        )


def coarsen(field: Tensor) -> Tensor:
    """Halve a periodic grid along each axis: (B, F, n, ..) to (B, F, n / 2, ..).

    Every second voxel stays, averaged with its neighbours by 1/4, 1/2, 1/4, so that all voxels
    count alike and a reflection of the grid is one of the coarse grid, too.
    """
    for axis in range(2, field.ndim):
        pairs = (*field.shape[:axis], field.shape[axis] // 2, 2, *field.shape[axis + 1 :])
        even, odd = field.reshape(pairs).unbind(axis + 1)
        field = (even + (odd + odd.roll(1, axis)) / 2) / 2
    return field


def refine(field: Tensor) -> Tensor:
    """Double a periodic grid along each axis by linear interpolation: the way back.

    (B, F, n, ..) to (B, F, 2 n, ..); every voxel of the coarse grid stays as it is.
    """
    for axis in range(2, field.ndim):
        between = (field + field.roll(-1, axis)) / 2
        field = torch.stack([field, between], axis + 1).flatten(axis, axis + 1)
    return field
