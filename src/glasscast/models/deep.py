"""What all graph networks share: from configurations to a trained network and back to forecasts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.splits import fold_indices, parents_of
from glasscast.errors import InputError, ModelError
from glasscast.models.base import Model
from glasscast.models.files import read_record, read_weights, write_model
from glasscast.models.forecast import ModelForecast
from glasscast.models.identity import fingerprint, fit_identity
from glasscast.models.settings import GraphSettings, NetworkSettings
from glasscast.networks.batch import GraphBatch, NetworkInput, batch_graph
from glasscast.progress import task
from glasscast.runtime import Workspace, keep_freed_memory
from glasscast.structure.graphs import build_graph
from glasscast.training.examples import (
    Example,
    ExampleCache,
    TargetStatistics,
    make_example,
    measure_targets,
)
from glasscast.training.loop import Epoch, Trainer, seeded
from glasscast.training.objectives import Objective
from glasscast.training.processes import Processes
from glasscast.training.stages import Stage, stage_identity, stage_paths


class DeepModel(Model):
    """A network on the graph of a configuration, trained by the one loop.

    Attributes
    ----------
    network_ : the network, on the CPU.
    statistics_ : of the training targets.
    history_ : the training curve.
    provenance_ : how the weights came about: seed, configurations, best epoch.
    """

    settings: NetworkSettings
    settings_class: ClassVar[type[NetworkSettings]]
    network_: nn.Module
    statistics_: TargetStatistics
    history_: list[Epoch]
    provenance_: dict[str, Any]

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Untrained network for ``species_``, ``dimension_`` and ``times_``."""

    @property
    def node_weight(self) -> float:
        """Share of the node loss; 1 unless the model learns edges too."""
        return 1.0

    @property
    def bond_cutoff(self) -> float | None:
        """Longest pair in the edge loss; None for all."""
        return None

    @property
    def self_edges(self) -> bool:
        """Whether nodes are their own neighbours."""
        return False

    @property
    def uses_angles(self) -> bool:
        """Whether the network reads angles between edges."""
        return False

    def make_graph(self, configuration: Configuration) -> NetworkInput:
        """Graph of a configuration, or whatever else the network reads.

        Raises
        ------
        ModelError : if the configuration lacks the structure the model reads.
        """
        assert isinstance(self.settings, GraphSettings)
        structure = self.settings.structure
        self.structure_of(configuration, structure)
        graph = build_graph(configuration, self.settings.cutoff, structure)
        return batch_graph(graph, self_edges=self.self_edges, triplets=self.uses_angles)

    def training_input(self, configuration: Configuration, stage: Stage) -> NetworkInput:
        """Make what the network reads and the loss of a stage needs; by default the former."""
        return self.make_graph(configuration)

    def make_example(self, configuration: Configuration, graph: NetworkInput) -> Example:
        """Join a graph and the standardised targets of its configuration."""
        target, edges = self.settings.target, self.node_weight < 1
        return make_example(configuration, graph, target, self.statistics_, edges, self.bond_cutoff)

    def stages(self) -> list[Stage]:
        """List the runs of the training loop; each takes up the weights of the one before."""
        return [Stage(Objective(self.node_weight), self.settings.training)]

    def initialise(
        self, train: Sequence[Configuration], validation: Sequence[Configuration]
    ) -> None:
        """Prepare the fresh network and what it reads before training; nothing by default."""

    def learned(self) -> dict[str, Any]:
        """Return what else the model learned: JSON values of its record; nothing by default."""
        return {}

    def restore(self, record: dict[str, Any]) -> None:
        """Take back what :meth:`learned` gave, from a saved record."""

    def fit(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration] = (),
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Self:
        """Train; see :meth:`glasscast.models.base.Model.fit`.

        Without validation configurations a share of the training configurations is set aside
        (``validation_fraction``), whole parents at a time; fewer than three are all trained on.

        Raises
        ------
        ModelError : also if the checkpoint belongs to another fit, or the loss diverges.
        """
        settings = self.settings.training
        keep_freed_memory()
        for attribute in ("times_", "species_", "dimension_"):
            self.__dict__.pop(attribute, None)
        train, validation = self._split(train, validation, seed)
        for configuration in chain(train, validation):
            self.check_labels(configuration)
        species = settings.learn_species or self.species_
        unknown = set(species) - set(self.species_)
        if unknown:
            raise ModelError(f"training.learn_species names {unknown}, data have {self.species_}")
        target, edges = self.settings.target, self.node_weight < 1
        self.statistics_ = measure_targets(train, target, species, settings.normalisation, edges)
        with seeded([seed]):
            self.network_ = self.build_network()
        self.initialise(train, validation)
        processes = Processes.join(settings.device)
        torch.set_num_threads(max(1, self.workspace.threads // processes.count))
        stages = self.stages()
        paths = stage_paths(checkpoint, stages)
        history: list[Epoch] = []
        steps = sum(s.settings.epochs for s in stages) * -(-len(train) // settings.batch_size)
        with task(self.workspace.progress, f"fit {self.name}", steps):
            for k in range(len(stages)):
                trainer = self._train_stage(
                    stages[k],
                    train,
                    validation,
                    seed=seed,
                    processes=processes,
                    identity=self._identity(train, validation, seed) | stage_identity(k, stages),
                    checkpoint=paths[k],
                )
                history += trainer.history
        processes.wait()
        for path in paths:
            if path is not None and processes.rank == 0:
                path.unlink(missing_ok=True)
        self.network_.cpu().eval()
        self.history_ = history
        self.provenance_ = {
            "seed": seed,
            "trained_on": [c.name for c in train],
            "validated_on": [c.name for c in validation],
            "epochs": len(history),
            "best_epoch": trainer.best_epoch,
        }
        return self

    def _train_stage(
        self,
        stage: Stage,
        train: Sequence[Configuration],
        validation: Sequence[Configuration],
        *,
        seed: int,
        processes: Processes,
        identity: dict[str, Any],
        checkpoint: Path | None,
    ) -> Trainer:
        """Run the training loop once, in place."""

        def make(configuration: Configuration) -> Example:
            return self.make_example(configuration, self.training_input(configuration, stage))

        limit = stage.settings.graph_memory * 2**20
        trainer = Trainer(
            self.network_,
            stage.objective,
            stage.settings,
            seed=seed,
            processes=processes,
            identity=identity,
            checkpoint=checkpoint,
            progress=self.workspace.progress,
        )
        trainer.run(
            ExampleCache(train, make, limit, processes.device),
            ExampleCache(validation, make, limit, processes.device),
        )
        return trainer

    def _split(
        self, train: Sequence[Configuration], validation: Sequence[Configuration], seed: int
    ) -> tuple[Sequence[Configuration], Sequence[Configuration]]:
        """Set aside validation configurations when there are none."""
        fraction = self.settings.training.validation_fraction
        parents = parents_of(train)
        groups = len(set(parents))
        if len(validation) or fraction == 0 or groups < 3:
            return train, validation
        folds = min(groups, max(2, round(1 / fraction)))
        aside = set(fold_indices(parents, folds, seed)[0])
        return (
            [train[i] for i in range(len(train)) if i not in aside],
            [train[i] for i in sorted(aside)],
        )

    def _identity(
        self, train: Sequence[Configuration], validation: Sequence[Configuration], seed: int
    ) -> dict[str, Any]:
        """Tell the checkpoint of a fit from those of others."""
        return fit_identity(self.settings, seed, train, validation) | {
            "species": list(self.species_),
            "times": self.times_.tolist(),
            "targets": fingerprint(self.statistics_.to_json()),
        }

    def predict(self, configuration: Configuration) -> ModelForecast:
        """Forecast every particle, and every pair when the model learned pairs.

        A pair is that of nearest images, its change the mean over both directions. Species that
        were not learned get NaN.
        """
        self.check_structure(configuration)
        graph = self.make_graph(configuration)
        torch.set_num_threads(self.workspace.threads)
        with torch.no_grad():
            nodes, edges = self.network_.eval()(graph)
        standardised = nodes.double().numpy().T  # (T, N)
        values = np.full(standardised.shape, np.nan, dtype=np.float32)
        for s, species in enumerate(self.statistics_.species):
            mine = configuration.types == species
            mean, std = self.statistics_.node_mean[s], self.statistics_.node_std[s]
            values[:, mine] = standardised[:, mine] * std[:, None] + mean[:, None]
        bonds, change = None, None
        if edges is not None:
            assert isinstance(graph, GraphBatch)
            upper = graph.nearest_pairs()
            pair_mean = (edges[upper] + edges[graph.index.reverse[upper]]).double().numpy().T / 2
            bonds = torch.stack([graph.index.receivers[upper], graph.index.senders[upper]])
            mean, std = self.statistics_.edge_mean, self.statistics_.edge_std
            change = (pair_mean * std[:, None] + mean[:, None]).astype(np.float32)
        return ModelForecast(
            configuration=configuration,
            model=self.name,
            times=self.times_,
            values=values,
            target=self.settings.target,
            bonds=None if bonds is None else bonds.numpy().astype(np.int32),
            bond_change=change,
        )

    def parameter_count(self) -> int:
        """Trainable numbers of the network."""
        return sum(p.numel() for p in self.network_.parameters())

    def save(self, folder: Path) -> None:
        """Write the model; see :meth:`glasscast.models.base.Model.save`."""
        if not hasattr(self, "network_"):
            raise ModelError("cannot save a model that is not fitted")
        record = {
            **self.common_record(),
            "statistics": self.statistics_.to_json(),
            "parameters": self.parameter_count(),
            "provenance": self.provenance_,
            **self.learned(),
        }
        state = self.network_.state_dict()
        write_model(folder, record, {key: value.numpy() for key, value in state.items()})

    @classmethod
    def load(cls, folder: Path, workspace: Workspace | None = None) -> Self:
        """Read a saved model; see :meth:`glasscast.models.base.Model.load`."""
        record = read_record(folder)
        known = cls.settings_class.model_fields["name"].default
        if record.get("model") != known:
            raise InputError(folder, f"holds a '{record.get('model')}', not a '{known}'")
        arrays = read_weights(folder, record)
        try:
            model = cls(cls.settings_class.from_record(record["hyperparameters"]), workspace)
            model.restore_common(record)
            model.statistics_ = TargetStatistics.from_json(record["statistics"])
            model.provenance_ = dict(record["provenance"])
            model.restore(record)
            model.history_ = []
            model.network_ = model.build_network().eval()
            model.load_weights(arrays)
        except (KeyError, ValueError, TypeError, ValidationError) as error:
            raise InputError(folder, f"holds no complete {known} model ({error!r})") from None
        except RuntimeError as error:
            raise InputError(folder, f"has weights of another network ({error})") from None
        return model

    def load_weights(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Put named arrays into the network; RuntimeError if names or shapes differ."""
        tensors = {key: torch.from_numpy(value.copy()) for key, value in arrays.items()}
        self.network_.load_state_dict(tensors)
