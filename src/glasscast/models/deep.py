"""What all networks share: from configurations to a trained network and back to forecasts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.identity import Identity, inputs_of
from glasscast.datasets.records import SINGLE_RUNS
from glasscast.datasets.splits import fold_indices, groups_of
from glasscast.errors import InputError, ModelError
from glasscast.models.base import Model
from glasscast.models.files import read_weights, write_model
from glasscast.models.forecast import ModelForecast
from glasscast.models.settings import NetworkSettings
from glasscast.networks.batch import GraphBatch, NetworkInput
from glasscast.progress import task
from glasscast.runtime import Workspace, keep_freed_memory
from glasscast.training.examples import (
    Example,
    ExampleCache,
    TargetStatistics,
    make_example,
    measure_targets,
)
from glasscast.training.history import Epoch
from glasscast.training.label_weights import runs_of
from glasscast.training.loop import Trainer, draws_of, seeded
from glasscast.training.objectives import Objective, Outputs, Phase, phase_paths
from glasscast.training.processes import Processes, find_device


class DeepModel(Model):
    """A network and what it reads of a configuration, trained by the one loop.

    A model says what its network reads and which network it is. It may also bring a loss or a
    schedule of its own, prepare the network before training, and learn pairs beside particles.

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
    _device: torch.device = torch.device("cpu")
    history_: list[Epoch]
    provenance_: dict[str, Any]

    @abstractmethod
    def read(self, configuration: Configuration) -> NetworkInput:
        """Make what the network reads of a configuration.

        Raises
        ------
        ModelError : if the configuration lacks the structure the model reads.
        """

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Untrained network for ``species_``, ``dimension_`` and ``times_``."""

    @property
    def longest_pair(self) -> float:
        """Distance in sigma below which pairs are learned too; 0: particles alone."""
        return 0.0

    @property
    def sums(self) -> bool:
        """Whether losses are sums over particles and pairs, not means over them."""
        return False

    @property
    def learns_particles(self) -> bool:
        """Whether particles are learned, not pairs alone."""
        return True

    def phases(self) -> list[Phase]:
        """List the runs of the training loop; each takes up the weights of the one before."""
        return [Phase(Objective(), self.settings.training)]

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
        ModelError : also if the loss diverges.
        InputError : if the checkpoint is none.
        """
        keep_freed_memory()
        identity = self.identify(train, validation, seed)
        given = validation
        train, validation = self._set_aside(train, validation, seed)
        self.set_aside_ = () if validation is given else tuple(c.name for c in validation)
        self._measure(train, validation)
        with seeded([seed]):
            self.network_ = self.build_network()
            self.initialise(train, validation)
        best_epoch = self._train(train, validation, seed, identity, checkpoint)
        self.network_.cpu().eval()
        self.provenance_ = {
            "seed": seed,
            "trained_on": [c.name for c in train],
            "validated_on": [c.name for c in validation],
            "epochs": len(self.history_),
            "best_epoch": best_epoch,
        }
        return self

    def _set_aside(
        self, train: Sequence[Configuration], validation: Sequence[Configuration], seed: int
    ) -> tuple[Sequence[Configuration], Sequence[Configuration]]:
        """Set validation configurations aside when there are none."""
        fraction = self.settings.training.validation_fraction
        parents = groups_of(train)
        groups = len(set(parents))
        if len(validation) or fraction == 0 or groups < 3:
            return train, validation
        folds = min(groups, max(2, round(1 / fraction)))
        aside = set(fold_indices(parents, folds, seed)[0])
        kept = [train[i] for i in sorted(aside)]
        # The noise of single runs would choose the epoch.
        judges = [c for c in kept if c.metadata.origin.kind not in SINGLE_RUNS]
        return [train[i] for i in range(len(train)) if i not in aside], judges or kept

    def _measure(self, train: Sequence[Configuration], validation: Sequence[Configuration]) -> None:
        """Check the data, and find times, species and the statistics of the targets."""
        for attribute in ("stages_", "species_", "dimension_"):
            self.__dict__.pop(attribute, None)
        for configuration in chain(train, validation):
            self.check_labels(configuration, whole=False)
        for configuration in self._watched:
            self.labels_to_score(configuration)
        settings = self.settings.training
        species = settings.learn_species or self.species_
        unknown = set(species) - set(self.species_)
        if unknown:
            raise ModelError(f"training.learn_species names {unknown}, data have {self.species_}")
        self.statistics_ = measure_targets(
            train,
            self.settings.target,
            species,
            settings.normalisation,
            self.longest_pair > 0,
            settings.label_noise,
        )

    def _train(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration],
        seed: int,
        identity: Identity,
        checkpoint: Path | None,
    ) -> int:
        """Go through all phases, the network in place; gives the best epoch of the last."""
        settings, phases = self.settings.training, self.phases()
        if self._watched:
            identity = identity.also(inputs_of(self._watched, "watched"))
        processes = Processes.join(settings.device)
        torch.set_num_threads(max(1, self.workspace.threads // processes.count))
        paths = phase_paths(checkpoint, phases)
        chances = self._chances(train) if settings.draw == "by_weight" else None
        steps = -(-draws_of(len(train), chances) // settings.batch_size)
        steps *= sum(phase.settings.epochs for phase in phases)
        self.history_ = []
        with task(self.workspace.progress, f"fit {self.name}", steps):
            for number, phase in enumerate(phases):
                trainer = Trainer(
                    self.network_,
                    phase.objective,
                    phase.settings,
                    seed=seed,
                    processes=processes,
                    identity=identity.also(phase=number + 1),
                    checkpoint=paths[number],
                    progress=self.workspace.progress,
                    chances=chances,
                )
                trainer.run(
                    self._examples(train, phase, processes.device),
                    self._examples(validation, phase, processes.device),
                    self._examples(self._watched, phase, processes.device),
                )
                self.history_ += trainer.history
        processes.wait()
        for path in paths:
            if path is not None and processes.rank == 0:
                path.unlink(missing_ok=True)
        return trainer.best_epoch

    def _chances(self, train: Sequence[Configuration]) -> NDArray[np.float64]:
        """Largest weight of any label of each training configuration: (C,)."""
        found = []
        for configuration in train:
            weights = self.statistics_.node_weights(runs_of(configuration, self.settings.target))
            found.append(weights.max())
            if self.longest_pair > 0:
                pairs = self.statistics_.edge_weights(runs_of(configuration, "bond_change"))
                found[-1] = max(found[-1], pairs.max())
        return np.array(found)

    def _examples(
        self, configurations: Sequence[Configuration], phase: Phase, device: torch.device
    ) -> ExampleCache:
        """Examples of a phase, made when first asked for."""

        def make(configuration: Configuration) -> Example:
            return self.example(configuration, phase.objective)

        return ExampleCache(configurations, make, phase.settings.graph_memory * 2**20, device)

    def example(self, configuration: Configuration, objective: Objective) -> Example:
        """Join what network and loss read of a configuration, and its standardised targets."""
        inputs = objective.prepare(configuration, self.read(configuration))
        return make_example(
            configuration,
            inputs,
            self.settings.target,
            self.statistics_,
            self.longest_pair,
            self.settings.training.species_loss == "separate",
            self.sums,
        )

    def predict(self, configuration: Configuration) -> ModelForecast:
        """Forecast every particle, and every pair when the model learned pairs.

        A pair is that of nearest images, its change the mean over both directions. Species that
        were not learned get NaN, as all particles do where pairs alone were.
        """
        self.check_structure(configuration)
        inputs = self.read(configuration)
        return self._forecast(configuration, inputs, *self._outputs(inputs))

    def _outputs(self, inputs: NetworkInput) -> Outputs:
        """Let the network forecast."""
        torch.set_num_threads(self.workspace.threads)
        with torch.no_grad():
            nodes, edges = self.network_.eval()(inputs.to(self._device))
        return nodes.cpu(), None if edges is None else edges.cpu()

    def _forecast(
        self,
        configuration: Configuration,
        inputs: NetworkInput,
        nodes: Tensor,
        edges: Tensor | None,
    ) -> ModelForecast:
        """Put what the network says of a configuration into units."""
        standardised = nodes.double().numpy().T  # (T, N)
        values = np.full(standardised.shape, np.nan, dtype=np.float32)
        for s, species in enumerate(self.statistics_.species if self.learns_particles else ()):
            mine = configuration.types == species
            mean, std = self.statistics_.node_mean[s], self.statistics_.node_std[s]
            values[:, mine] = standardised[:, mine] * std[:, None] + mean[:, None]
        bonds, change = None, None
        if edges is not None:
            assert isinstance(inputs, GraphBatch)
            bonds, change = self._pair_forecast(edges, inputs)
        return ModelForecast(
            configuration=configuration,
            model=self.name,
            times=self.times_,
            stages=self.stages_,
            values=values,
            target=self.settings.target,
            bonds=bonds,
            bond_change=change,
        )

    def _pair_forecast(
        self, edges: Tensor, graph: GraphBatch
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Pairs (2, P) and their change (T, P), the mean over both directions, in sigma."""
        index, pairs = graph.index, graph.nearest_pairs()
        mean = (edges[pairs] + edges[index.reverse[pairs]]).double().numpy().T / 2
        centre, spread = self.statistics_.edge_mean, self.statistics_.edge_std
        change = mean * spread[:, None] + centre[:, None]
        bonds = torch.stack([index.receivers[pairs], index.senders[pairs]])
        return bonds.numpy().astype(np.int32), change.astype(np.float32)

    def move(self, device: str) -> None:
        """Forecast on another device; see :meth:`glasscast.models.base.Model.move`."""
        self._device = find_device(device)
        self.network_.to(self._device)

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
        weights = {key: value.cpu().numpy() for key, value in state.items()}
        write_model(folder, record, weights, self.other_files())

    @classmethod
    def load(cls, folder: Path, workspace: Workspace | None = None) -> Self:
        """Read a saved model; see :meth:`glasscast.models.base.Model.load`."""
        record = cls.read_own_record(folder)
        arrays = read_weights(folder, record)
        try:
            settings = cls.settings_class.from_record(record["hyperparameters"])
            model = cls(settings.beside(folder), workspace)
            model.restore_common(record)
            model.statistics_ = TargetStatistics.from_json(record["statistics"])
            model.provenance_ = dict(record["provenance"])
            model.restore(record)
            model.history_ = []
            model.refuse_other_weights(folder, arrays)
            model.network_ = model.build_network().eval()
            model.load_weights(arrays)
        except (KeyError, ValueError, TypeError, ValidationError) as error:
            raise InputError(
                folder, f"holds no complete {record['model']} model ({error!r:.300})"
            ) from None
        except RuntimeError as error:
            raise InputError(folder, f"has weights of another network ({error!s:.200})") from None
        return model

    def refuse_other_weights(self, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Compare the names and shapes of weights with the network's before memory is taken for it.

        Raises
        ------
        InputError : naming the first that differs.
        """
        with torch.device("meta"):
            state = self.build_network().state_dict()
        wanted = {key: tuple(value.shape) for key, value in state.items()}
        for key in (*wanted, *arrays):
            held = arrays[key].shape if key in arrays else "absent"
            if wanted.get(key) == () and held == (1,):  # as version 0.1.0 wrote single numbers
                continue
            if wanted.get(key) != held:
                raise InputError(
                    folder,
                    f"has weights of another network: '{key:.100}' is {held}, the settings want "
                    f"{wanted.get(key, 'none')}",
                )

    def load_weights(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Put named arrays into the network; RuntimeError if names or shapes differ."""
        tensors = {key: torch.from_numpy(value.copy()) for key, value in arrays.items()}
        self.network_.load_state_dict(tensors)
