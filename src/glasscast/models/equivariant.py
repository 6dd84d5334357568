"""What the networks on spherical tensors share: the energy a particle, and its scale."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.state_points import common_liquid
from glasscast.errors import ModelError, SettingsError
from glasscast.models.deep import DeepModel
from glasscast.models.settings import EquivariantSettings
from glasscast.networks.batch import GraphBatch
from glasscast.structure.energies import particle_energies

#: Training configurations that set the scale of the inputs; more would not change it.
_SCALE_FROM = 16


class NodeInputs(nn.Module):
    r"""Invariants of a particle: species, then numbers on the scale of their species.

    .. math:: x_i = [\mathrm{onehot}(Z_i) \Vert (a_i - \mu_{Z_i}) / \sigma_{Z_i}]

    with mean and standard deviation over training configurations (0 and 1 until set).

    Parameters
    ----------
    species : S.
    count : numbers beside the species.
    """

    def __init__(self, species: int, count: int) -> None:
        super().__init__()
        self.species, self.width = species, species + count
        self.register_buffer("mean", torch.zeros(species, count))
        self.register_buffer("std", torch.ones(species, count))

    def forward(self, types: Tensor, numbers: Tensor) -> Tensor:
        """Join (N,) species and (N, count) numbers: (N, S + count)."""
        mean, std = self.get_buffer("mean").to(numbers), self.get_buffer("std").to(numbers)
        kind = nn.functional.one_hot(types, self.species).to(numbers)
        return torch.cat([kind, (numbers - mean[types]) / std[types]], 1)

    def measure(self, samples: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Set the scale from the (types, numbers) of some configurations."""
        types = torch.cat([t for t, _ in samples])
        numbers = torch.cat([x for _, x in samples]).double()
        if numbers.shape[1] == 0:
            return
        for s in range(self.species):
            mine = numbers[types == s]
            if len(mine) > 1:
                std = mine.std(0, correction=0)
                self.get_buffer("mean")[s] = mine.mean(0).to(torch.float32)
                self.get_buffer("std")[s] = torch.where(std > 1e-6, std, 1.0).to(torch.float32)


def own_outputs(heads: Tensor, types: Tensor, outputs: int) -> Tensor:
    """Take the outputs (N, T) of each node by the head of its species, of all heads (N, S T)."""
    by_species = heads.view(len(types), -1, outputs)
    return by_species[torch.arange(len(types), device=types.device), types]


class EquivariantModel(DeepModel):
    """A network in three dimensions that may read the potential energy of each particle.

    Attributes
    ----------
    liquid_ : name or file of the interactions behind the energy; None without that input.
    """

    dimensions: ClassVar[tuple[int, ...]] = (3,)
    settings: EquivariantSettings
    liquid_: str | None = None

    def learned(self) -> dict[str, Any]:
        """Return the liquid, so that snapshots to forecast need not name theirs."""
        return {"liquid": None if self.liquid_ is None else Path(self.liquid_).name}

    def restore(self, record: dict[str, Any]) -> None:
        """Take the liquid from a saved record."""
        named = self.settings.liquid or record["liquid"]
        self.liquid_ = None if named is None else str(named)

    def initialise(
        self, train: Sequence[Configuration], validation: Sequence[Configuration]
    ) -> None:
        """Find the liquid and the scale of the inputs."""
        self.liquid_ = self._find_liquid(train)
        inputs, number_of = self.network_.get_submodule("inputs"), self.input_numbers
        assert isinstance(inputs, NodeInputs)
        graphs = (self.read(train[i]) for i in range(min(len(train), _SCALE_FROM)))
        inputs.measure([(graph.types, number_of(graph)) for graph in graphs])

    @abstractmethod
    def read(self, configuration: Configuration) -> GraphBatch:
        """Make what the network reads of a configuration."""

    @abstractmethod
    def input_numbers(self, graph: GraphBatch) -> Tensor:
        """Invariants of the nodes beside the species: (N, count)."""

    def _find_liquid(self, train: Sequence[Configuration]) -> str | None:
        settings = self.settings
        if settings.energy == "none" or settings.liquid is not None:
            return settings.liquid
        try:
            return common_liquid({c.name: c.state_point for c in train})
        except SettingsError as error:
            remedy = "set the model's 'liquid', or its 'energy' to none"
            raise ModelError(f"{error}; {remedy}") from None

    def energies(self, configuration: Configuration) -> NDArray[np.float64] | None:
        """Potential energy of each particle (N,) in the structure of the settings, or None.

        Raises
        ------
        ModelError : if the configuration lacks that structure, or the liquid has no such species.
        """
        structure = self.settings.energy
        if structure == "none":
            return None
        positions = self.structure_of(configuration, structure)
        try:
            return particle_energies(configuration, positions, self.liquid_)
        except SettingsError as error:
            raise ModelError(f"the energies of {configuration.name}: {error}") from None
