r"""CNN: convolutions over a voxel grid of the whole box.

Bapst et al., Nat. Phys. 16, 448 (2020), compare their graph network with a convolutional one
whose architecture is not public. Here the smeared densities of the species lie on one periodic
grid of the box, residual blocks of 3^d convolutions run over it once, and each particle reads its
forecast from the voxels it is smeared over. A grid centred on each particle, which is the usual
form, would repeat the same convolutions some hundred times, far beyond a CPU.

The network is equivariant under shifts by whole voxels and nearly so under others, since smeared
particles do not feel the grid. Rotations and reflections of a cubic box are learned from
augmentation, others are not known to it.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.deep import DeepModel
from glasscast.models.hyperparameters import CnnHyperparameters, NetworkHyperparameters
from glasscast.models.layers.grids import VoxelBatch
from glasscast.structure.voxels import grid_shape, smeared_weights


class VoxelNetwork(nn.Module):
    """Densities to features on the grid, then from the grid and the species to a forecast.

    Parameters
    ----------
    settings : widths and depth.
    species : that have a density channel.
    times : number of outputs.
    dimension : of space, 2 or 3.
    """

    def __init__(
        self, settings: CnnHyperparameters, species: tuple[int, ...], times: int, dimension: int
    ) -> None:
        super().__init__()
        convolution = nn.Conv3d if dimension == 3 else nn.Conv2d
        width, self.species = settings.channels, species

        normalise = nn.InstanceNorm3d if dimension == 3 else nn.InstanceNorm2d

        def layer(inputs: int, far: int = 1) -> nn.Module:
            return nn.Sequential(
                convolution(
                    inputs, width, 3, padding=far, dilation=far, padding_mode="circular", bias=False
                ),
                normalise(width, affine=True),
                nn.SiLU(),
            )

        self.first = layer(len(species))
        self.blocks = nn.ModuleList(
            nn.Sequential(layer(width, 1 + block % 2), layer(width, 1 + block % 2))
            for block in range(settings.blocks)
        )
        self.types = nn.Embedding(max(species) + 1, width)
        self.mix = nn.Linear(2 * width, width)
        self.out = nn.Linear(width, times)

    def forward(self, batch: VoxelBatch) -> tuple[Tensor, None]:
        """Forecast every particle: (N, T)."""
        field = self.first(batch.density(self.species))
        for block in self.blocks:
            field = field + block(field)
        near = torch.cat([batch.read(field), self.types(batch.types)], dim=1)
        return self.out(silu(self.mix(near))), None


class Cnn(DeepModel):
    """Convolutional network on the densities of the species.

    All configurations of a fit must give grids of one shape; augmentation needs a cubic box.
    """

    hyperparameters: CnnHyperparameters
    settings_class: ClassVar[type[NetworkHyperparameters]] = CnnHyperparameters

    def make_graph(self, configuration: Configuration) -> VoxelBatch:
        """Place the particles on the grid.

        Raises
        ------
        ModelError : if the configuration lacks the structure the network reads, or the box has
            fewer than three voxels along an axis, or is not cubic and augmentation is on.
        """
        options, box = self.hyperparameters, configuration.box
        positions = self.structure_of(configuration, options.structure)
        shape = grid_shape(box, options.spacing)
        if min(shape) < 3:
            raise ModelError(f"{configuration.name}: the box is too small; lower 'spacing'")
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
        return VoxelNetwork(self.hyperparameters, self.species_, len(self.times_), self.dimension_)
