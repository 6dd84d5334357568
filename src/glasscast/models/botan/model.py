"""Interaction networks that forecast nodes, edges or both: NT-GNN and BOTAN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import nn

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError, ModelError
from glasscast.models.botan.loss import PairObjective
from glasscast.models.botan.network import BotanNetwork
from glasscast.models.botan.published import is_deepmind, published_state
from glasscast.models.botan.settings import (
    BotanSettings,
    InteractionSettings,
    NodeTargetingSettings,
)
from glasscast.models.botan.start import Source, fit_readout, start_near_identity, take_weights
from glasscast.models.deep import DeepModel
from glasscast.models.files import read_record
from glasscast.models.foreign import read_foreign
from glasscast.networks.batch import GraphBatch, batch_graph
from glasscast.networks.normalisation import start_as_identity
from glasscast.runtime import Workspace
from glasscast.structure.graphs import build_graph
from glasscast.training.examples import TargetStatistics
from glasscast.training.objectives import Objective, Phase

#: As many configurations as a fit of 65 numbers can use.
READOUT_CONFIGURATIONS = 16


class Botan(DeepModel):
    """BOTAN: propensity and pair-distance changes at once; see :class:`BotanNetwork`.

    Invariant under translation and permutation; rotations and reflections only as far as the
    augmentation teaches them. It sees ``(rounds + 1) * cutoff`` around a particle.
    """

    settings_class: ClassVar[type[InteractionSettings]] = BotanSettings
    settings: InteractionSettings
    network_: BotanNetwork

    @property
    def longest_pair(self) -> float:
        """All pairs of the graph, unless the settings say otherwise or leave them out."""
        settings = self.settings
        return 0.0 if settings.node_weight == 1 else settings.bond_cutoff or math.inf

    @property
    def sums(self) -> bool:
        """As the settings say."""
        return self.settings.loss == "sums"

    @property
    def learns_particles(self) -> bool:
        """Unless the loss is that of the pairs alone."""
        return self.settings.node_weight > 0

    def phases(self) -> list[Phase]:
        """Nodes, edges or both."""
        return [Phase(PairObjective(self.settings.node_weight), self.settings.training)]

    def read(self, configuration: Configuration) -> GraphBatch:
        """Join what is close in the structure."""
        settings = self.settings
        self.structure_of(configuration, settings.structure)
        graph = build_graph(configuration, settings.cutoff, settings.structure)
        return batch_graph(graph, self_edges=settings.self_edges)

    def build_network(self) -> BotanNetwork:
        """Untrained network."""
        return BotanNetwork(self.settings, self.dimension_, len(self.times_))

    def initialise(
        self, train: Sequence[Configuration], validation: Sequence[Configuration]
    ) -> None:
        """Start from ``initial_weights``, if any; a read-out that knows nothing is fitted to them.

        Weights that forecast one time start all times of the network.
        """
        if self.settings.initial_weights is None:
            if self.settings.initialisation == "identity":
                start_near_identity(self.network_)
            return
        path = Path(self.settings.initial_weights)
        source = self._weights_in(path)
        try:
            take_weights(self.network_, source.state, source.statistics, self.statistics_)
        except RuntimeError as error:
            raise ModelError(
                f"{path} holds another network than the settings of '{self.name}' ask for; compare "
                f"rounds, hidden, edge_sees_encoded_nodes and the number of times ({error})"
            ) from None
        if not any("_norms." in key for key in source.state):  # those that come stay as they are
            start_as_identity(self.network_, self.read(train[0]))
        if self.settings.fit_readout:
            few = train[:: max(1, len(train) // READOUT_CONFIGURATIONS)]
            for layer, pairs in self._readouts_to_fit(source):
                examples = (self.example(c, Objective()) for c in few)
                fit_readout(self.network_, layer, examples, pairs=pairs)

    def _readouts_to_fit(self, source: Source) -> list[tuple[nn.Linear, bool]]:
        """Last layers, and whether of pairs: of particles, and of pairs unknown to the start.

        One that speaks of both is left as it is.
        """
        network, found = self.network_, []
        learns_pairs, own = self.longest_pair > 0, network.decode_edge
        if self.learns_particles and (own is not None or not learns_pairs):
            found.append((network.decode.linears[-1], False))
        if learns_pairs and not source.knows_pairs and (own or not self.learns_particles):
            found.append(((own or network.decode).linears[-1], True))
        return found

    def _weights_in(self, path: Path) -> Source:
        """Weights of a published file or a saved model, and what they forecast."""
        if not path.is_dir():
            raw = read_foreign(path)
            statistics = TargetStatistics.unscaled((0, 1), 1)
            return Source(published_state(raw, path), statistics, not is_deepmind(raw))
        name = read_record(path).get("model")
        kinds = {kind.settings_class.model_fields["name"].default: kind for kind in KINDS}
        if name not in kinds:
            raise ModelError(f"{path} holds a '{name}', which cannot start a '{self.name}'")
        source = kinds[name].load(path, self.workspace)
        return Source(source.network_.state_dict(), source.statistics_, source.longest_pair > 0)

    @classmethod
    def from_published(
        cls,
        raw: Mapping[str, Any],
        path: Path,
        time: float,
        workspace: Workspace | None = None,
        settings: InteractionSettings | None = None,
    ) -> Self:
        """Make a model of the content of a published file.

        It forecasts in sigma, for species A and B in three dimensions.

        Parameters
        ----------
        raw : content of the file.
        path : of the file, for errors.
        time : at which the weights forecast.
        settings : of the network; the default ones without.

        Raises
        ------
        InputError : if the file holds no such network.
        """
        model = cls(settings or cls.settings_class.model_validate({}), workspace)
        model.species_, model.species_names_, model.dimension_ = (0, 1), ("A", "B"), 3
        model.stages_ = Stages(values=(time,))
        model.statistics_ = TargetStatistics.unscaled(model.species_, 1)
        model.network_ = model.build_network().eval()
        try:
            model.network_.load_state_dict(published_state(raw, path))
        except RuntimeError as error:
            raise InputError(path, f"holds weights of another network ({error})") from None
        return model


class NodeTargeting(Botan):
    """NT-GNN of Bapst et al.: nodes only."""

    settings_class: ClassVar[type[InteractionSettings]] = NodeTargetingSettings


#: Models whose saved weights can start one another.
KINDS: tuple[type[Botan], ...] = (Botan, NodeTargeting)
