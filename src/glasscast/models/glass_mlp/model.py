"""GlassMLP: a small network behind a bottleneck, on physics-informed descriptors.

Jung, Biroli, Berthier, Phys. Rev. Lett. 130, 238202 (2023). Descriptors and loss are in
:mod:`glasscast.structure.descriptors.physics` and :mod:`glasscast.models.glass_mlp.loss`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import elu

from glasscast.datasets.configuration import Configuration
from glasscast.models.deep import DeepModel
from glasscast.models.glass_mlp.loss import MobilityLoss
from glasscast.models.glass_mlp.settings import GlassMlpSettings
from glasscast.networks.descriptors import DescriptorTable
from glasscast.structure.cells import cell_surfaces, find_cells
from glasscast.structure.descriptors.physics import PhysicsDescriptors
from glasscast.structure.energies import liquid_name, particle_energies
from glasscast.training.objectives import Phase
from glasscast.training.processes import announced_processes

_CONSTANT = 1e-5  # a descriptor with a smaller spread within a species is not used


class BottleneckNetwork(nn.Module):
    """Independent networks F -> 2 -> 10 -> 10 -> 1 for every species and time, side by side.

    A descriptor that is constant within a species, like the bare density, enters as 0. With the
    184 that vary of 192 (two species) each network has the published 521 parameters; the unused
    weights come on top of that.

    Parameters
    ----------
    widths : of the layers, input first and 1 last.
    species : that have networks, in the order of the weights.
    times : number of times.
    """

    def __init__(self, widths: Sequence[int], species: Sequence[int], times: int) -> None:
        super().__init__()
        self.species = tuple(species)
        self.register_buffer("mean", torch.zeros(len(species), widths[0]))
        self.register_buffer("scale", torch.ones(len(species), widths[0]))
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise(widths):
            limit = (6 / (fan_in + fan_out)) ** 0.5  # Glorot
            shape = (len(species), times, fan_in, fan_out)
            self.weights.append(nn.Parameter(torch.empty(shape).uniform_(-limit, limit)))
            self.biases.append(nn.Parameter(torch.zeros(len(species), times, 1, fan_out)))

    def forward(self, table: DescriptorTable) -> tuple[Tensor, None]:
        """Forecast every particle: (N, T); 0 for species without a network."""
        times = self.biases[0].shape[1]
        out = table.features.new_zeros(len(table.types), times)
        mean, scale = self.get_buffer("mean"), self.get_buffer("scale")
        for s, species in enumerate(self.species):
            mine = table.types == species
            hidden = ((table.features[mine] - mean[s]) * scale[s]).expand(times, -1, -1)
            for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                hidden = torch.baddbmm(bias[s], hidden, weight[s])
                if layer + 1 < len(self.weights):
                    hidden = elu(hidden)
            out[mine] = hidden.squeeze(2).T
        return out, None


class GlassMlp(DeepModel):
    """Networks per species and time, trained in four phases, each on whole configurations.

    All networks of a fit are trained in one run and stop together, at the least validation loss
    summed over them; train one time at a time for stops of their own. Targets are standardised
    over the training set, where the authors' code takes them raw: the optimum is the same.

    Invariant under translation, rotation, reflection and permutation.
    """

    settings: GlassMlpSettings
    settings_class: ClassVar = GlassMlpSettings

    def _descriptors(self) -> PhysicsDescriptors:
        return PhysicsDescriptors(max(self.species_) + 1, self.settings.lengths)

    def features(self, configuration: Configuration) -> NDArray[np.float64]:
        """Physical descriptors of every particle: (N, F) float64.

        Raises
        ------
        ModelError : if the configuration lacks the structure, or its liquid is not known.
        MissingExtraError : if the library for Voronoi cells is not installed.
        """
        options, descriptors = self.settings, self._descriptors()
        positions = self.structure_of(configuration, options.structure)
        types, box = configuration.types, configuration.box

        def compute() -> NDArray[np.float64]:
            liquid = self._cell_liquid(configuration)
            return descriptors.compute(
                positions,
                types,
                box,
                self._energies(configuration),
                cell_surfaces(configuration, options.structure, liquid, self.workspace),
                self.workspace.threads,
            )

        key = (configuration.fingerprint(options.structure), descriptors, options.cells)
        return self.workspace.remember((*key, options.liquid), compute)

    def _cell_liquid(self, configuration: Configuration) -> str | None:
        """Liquid whose diameters the Voronoi cells mind; None if they do not."""
        options = self.settings
        radical = options.cells == "radical"
        return liquid_name(configuration, options.liquid) if radical else None

    def _energies(self, configuration: Configuration) -> NDArray[np.float64]:
        """Potential energy of every particle: (N,) float64."""
        options = self.settings
        positions = self.structure_of(configuration, options.structure)
        key = (configuration.fingerprint(options.structure), "energies", options.liquid)
        return self.workspace.remember(
            key, lambda: particle_energies(configuration, positions, options.liquid)
        )

    def read(self, configuration: Configuration) -> DescriptorTable:
        """Make the table of descriptors that the network reads."""
        return DescriptorTable(
            torch.from_numpy(configuration.types.astype(np.int64)),
            torch.from_numpy(self.features(configuration)).float(),
            (configuration.size,),
            configuration.dimension,
        )

    def phases(self) -> list[Phase]:
        """List the phases of the schedule: the error alone, then with the other terms."""
        options = self.settings
        found = []
        for phase in options.phases:
            total = phase.loss == "total"
            objective = MobilityLoss(
                self.statistics_,
                variance_weight=options.variance_weight if total else 0.0,
                correlation_weight=options.correlation_weight if total else 0.0,
                threshold=options.threshold,
                steepness=options.steepness,
                target=options.target,
                distances=options.rings,
            )
            changes = phase.model_dump(exclude={"loss"})
            found.append(Phase(objective, options.training.model_copy(update=changes)))
        return found

    def build_network(self) -> nn.Module:
        """Untrained networks for ``species_``, ``dimension_`` and ``times_``."""
        options = self.settings
        inputs = len(self._descriptors().feature_names())
        widths = (inputs, options.bottleneck, options.hidden, options.hidden, 1)
        return BottleneckNetwork(widths, self.species_, len(self.times_))

    def initialise(
        self, train: Sequence[Configuration], validation: Sequence[Configuration]
    ) -> None:
        """Scale every descriptor by its mean and spread within each species of ``train``."""
        self._find_cells(chain(train, validation))
        sums: dict[int, list[NDArray[np.float64]]] = {s: [] for s in self.species_}
        for configuration in train:
            features = self.features(configuration)
            for species in configuration.species:
                mine = features[configuration.types == species]
                sums[species].append(
                    np.stack([np.full(mine.shape[1], len(mine)), mine.sum(0), (mine**2).sum(0)])
                )
        for s, species in enumerate(self.species_):
            count, first, second = np.sum(sums[species], axis=0)
            mean = first / count
            spread = np.sqrt(np.maximum(second / count - mean**2, 0))
            used = spread > _CONSTANT
            scale = np.where(used, 1 / np.where(used, spread, 1), 0)
            self.network_.get_buffer("mean")[s] = torch.from_numpy(mean)
            self.network_.get_buffer("scale")[s] = torch.from_numpy(scale)

    def _find_cells(self, configurations: Iterable[Configuration]) -> None:
        """Find the Voronoi cells of many configurations side by side."""
        options = self.settings

        def reading() -> Iterator[Configuration]:
            for configuration in configurations:
                self._energies(configuration)  # this process is idle while the workers are not
                yield configuration

        # Each of the processes describes all configurations.
        workers = self.workspace.threads // announced_processes()
        find_cells(reading(), options.structure, self._cell_liquid, self.workspace, workers)
