"""EIGNN with displacements to the inherent structure or to the cage state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import Stages
from glasscast.models.eignn.inputs import input_numbers
from glasscast.models.eignn.network import EignnNetwork
from glasscast.models.eignn.printed import PrintedEignnNetwork
from glasscast.models.eignn.published import TIMES, published_state
from glasscast.models.eignn.settings import (
    EignnCageSettings,
    EignnInherentSettings,
    EignnSettings,
)
from glasscast.models.equivariant import EquivariantModel
from glasscast.models.forecast import ModelForecast
from glasscast.networks.batch import GraphBatch, batch_graph
from glasscast.runtime import Workspace
from glasscast.structure.graphs import build_union_graph
from glasscast.training.examples import TargetStatistics


class EignnInherent(EquivariantModel):
    """EIGNN with displacements to the inherent structure.

    See :class:`EignnNetwork` for the released form, :class:`PrintedEignnNetwork` for the printed.

    Invariant under translation, rotation and permutation, and under reflection unless ``parity``
    is off. It sees ``(2 * layers + 1) * cutoff`` around a particle, and the whole configuration
    through normalisation by its own statistics.
    """

    settings_class: ClassVar[type[EignnSettings]] = EignnInherentSettings
    settings: EignnSettings

    def read(self, configuration: Configuration) -> GraphBatch:
        """Join what is close in the snapshot or by equilibrium positions; add energies."""
        settings = self.settings
        self.structure_of(configuration, settings.structure)
        graph = build_union_graph(configuration, settings.cutoff, settings.structure)
        return batch_graph(graph, energies=self.energies(configuration))

    def predict_each(self, groups: Sequence[Sequence[Configuration]]) -> list[ModelForecast]:
        """Forecast snapshots as one batch, their copies as further ones, if the settings say so.

        The statistics that normalise features and tensors are then those of the batch, as in the
        paper where it measures Pcc(all): single graphs are each centred on zero, and a forecast
        cannot tell a configuration that moves more from one that moves less.
        """
        if self.settings.together == 1:
            return super().predict_each(groups)
        found: list[list[ModelForecast]] = [[] for _ in groups]
        for copies in zip_longest(*groups):
            there = [k for k, configuration in enumerate(copies) if configuration is not None]
            forecasts = self._predict_as_one([copies[k] for k in there])
            for k, forecast in zip(there, forecasts, strict=True):
                found[k].append(forecast)
        return [self._mean(forecasts) for forecasts in found]

    def _predict_as_one(self, configurations: Sequence[Configuration]) -> list[ModelForecast]:
        """Forecast configurations whose graphs are taken for one of all their particles."""
        for configuration in configurations:
            self.check_structure(configuration)
        graphs = [self.read(configuration) for configuration in configurations]
        joined = GraphBatch.join(graphs)
        nodes, _ = self._outputs(replace(joined, counts=(joined.size,)))
        parts = torch.split(nodes, [graph.size for graph in graphs])
        together = zip(configurations, graphs, parts, strict=True)
        return [self._forecast(c, graph, part, None) for c, graph, part in together]

    def input_numbers(self, graph: GraphBatch) -> Tensor:
        """Energy, if read, and length of the displacement."""
        return input_numbers(graph)

    def build_network(self) -> EignnNetwork | PrintedEignnNetwork:
        """Untrained network with heads for species 0 to the highest seen."""
        form = PrintedEignnNetwork if self.settings.form == "printed" else EignnNetwork
        return form(self.settings, max(self.species_) + 1, len(self.times_))


class EignnCage(EignnInherent):
    """EIGNN with displacements to the cage state."""

    settings_class: ClassVar[type[EignnSettings]] = EignnCageSettings

    @classmethod
    def from_published(
        cls, raw: Mapping[str, Any], path: Path, workspace: Workspace | None = None
    ) -> Self:
        """Make a model of the content of a released checkpoint.

        Its forecasts are standardised within each configuration and species, so they have no unit:
        only correlations with them mean anything. They want inherent and cage positions.

        Parameters
        ----------
        raw : content of the file.
        path : of the file, for errors.

        Raises
        ------
        InputError : naming the weights that are missing.
        """
        settings = EignnCageSettings(parity=False, liquid="ka-unshifted")
        model = cls(settings, workspace)
        model.species_, model.species_names_, model.dimension_ = (0, 1), ("A", "B"), 3
        model.stages_ = Stages(values=tuple(map(float, TIMES)))
        model.liquid_ = settings.liquid
        model.statistics_ = TargetStatistics.unscaled(model.species_, len(TIMES), True)
        model.network_ = model.build_network().eval()
        state = published_state(raw, path, model.network_.state_dict())
        model.network_.load_state_dict(state)
        return model
