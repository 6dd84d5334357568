r"""CNN: convolutions over voxel grids of the whole box.

Bapst et al., Nat. Phys. 16, 448 (2020), compare their graph network with a convolutional one
whose architecture is not public. Here the smeared densities of the species lie on one periodic
grid of the box. Residual blocks of 3^d convolutions run over it, then over grids of half and a
quarter of its resolution: a pyramid, because much of what decides a particle's motion is coarse.
Each particle reads its forecast from the voxels it is smeared over, on all grids. A grid centred
on each particle, which is the usual form, would repeat the same convolutions some hundred times,
far beyond a CPU.

The network is equivariant under shifts by whole voxels of the coarsest grid and nearly so under
others, since smeared particles do not feel the finest grid and halving averages. Rotations and
reflections of a cubic box are learned from augmentation, others are not known to it.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.cnn.settings import CnnSettings
from glasscast.models.deep import DeepModel
from glasscast.networks.voxels import VoxelBatch, coarsen, grid_shape, refine, smeared_weights


class Residual(nn.Module):
    """Layers whose result is added to what they were given."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, field: Tensor) -> Tensor:
        """Field and what the layers make of it."""
        changed: Tensor = self.layers(field)
        return field + changed


class VoxelNetwork(nn.Module):
    """Densities to features on the grids, then from these and the species to a forecast.

    Parameters
    ----------
    settings : width, levels and depth.
    species : that have a density channel.
    times : number of outputs.
    dimension : of space, 2 or 3.
    """

    def __init__(
        self, settings: CnnSettings, species: tuple[int, ...], times: int, dimension: int
    ) -> None:
        super().__init__()
        convolution = nn.Conv3d if dimension == 3 else nn.Conv2d
        width, self.species = settings.channels, species

        normalise = nn.InstanceNorm3d if dimension == 3 else nn.InstanceNorm2d

        def layer(inputs: int) -> nn.Module:
            return nn.Sequential(
                convolution(inputs, width, 3, padding=1, padding_mode="circular", bias=False),
                normalise(width, affine=True),
                nn.SiLU(),
            )

        self.first = layer(len(species))
        self.levels = nn.ModuleList(
            nn.Sequential(*(Residual(layer(width), layer(width)) for _ in range(settings.blocks)))
            for _ in range(settings.levels)
        )
        self.types = nn.Embedding(max(species) + 1, width)
        self.mix = nn.Linear((settings.levels + 1) * width, width)
        self.out = nn.Linear(width, times)

    def forward(self, batch: VoxelBatch) -> tuple[Tensor, None]:
        """Forecast every particle: (N, T)."""
        field = self.first(batch.density(self.species))
        near = [self.types(batch.types)]
        for level, blocks in enumerate(self.levels):
            field = blocks(field if level == 0 else coarsen(field))
            fine = field
            for _ in range(level):
                fine = refine(fine)
            near.append(batch.read(fine))
        return self.out(silu(self.mix(torch.cat(near, dim=1)))), None


class Cnn(DeepModel):
    """Convolutional network on the densities of the species.

    All configurations of a fit must give grids of one shape; augmentation needs a cubic box.
    """

    settings: CnnSettings
    settings_class: ClassVar = CnnSettings

    def read(self, configuration: Configuration) -> VoxelBatch:
        """Place the particles on the grid.

        Raises
        ------
        ModelError : if the configuration lacks the structure the network reads, or the box is a
            single voxel of the coarsest grid, or is not cubic and augmentation is on.
        """
        options, box = self.settings, configuration.box
        positions = self.structure_of(configuration, options.structure)
        halvings = 2 ** (options.levels - 1)
        shape = grid_shape(box, options.spacing, halvings)
        if max(shape) == halvings:  # nothing to normalise by; convolutions see images anyway
            raise ModelError(
                f"{configuration.name}: the box is one voxel of the coarsest grid; lower 'spacing' "
                "or 'levels'"
            )
        if options.training.augment and np.ptp(box) > 1e-6 * box.max():
            raise ModelError(
                f"{configuration.name}: the box is not cubic; set training.augment to false"
            )
        voxels, weights = smeared_weights(positions, box, shape, options.smearing)
        return VoxelBatch(
            torch.from_numpy(configuration.types.astype(np.int64)),
            torch.from_numpy(voxels),
            torch.from_numpy(weights).float(),
            shape,
            (configuration.size,),
        )

    def build_network(self) -> nn.Module:
        """Untrained network for ``species_``, ``dimension_`` and ``times_``."""
        return VoxelNetwork(self.settings, self.species_, len(self.times_), self.dimension_)
