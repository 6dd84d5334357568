"""Targets of nodes and edges as a network learns them: standardised, weighted, cached."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import find_pairs
from glasscast.networks.batch import GraphBatch, NetworkInput


@dataclass(frozen=True)
class TargetStatistics:
    """Mean and standard deviation of the targets; what the network forecasts is standardised.

    Parameters
    ----------
    species : the S learned species, ascending.
    node_mean, node_std : (S, T) in units of the target.
    edge_mean, edge_std : (T,) in sigma, of pair-distance changes; zeros and ones when unused.
    per_configuration : training targets are standardised within each configuration, and the
        numbers here are averages over configurations.
    """

    species: tuple[int, ...]
    node_mean: FloatArray
    node_std: FloatArray
    edge_mean: FloatArray
    edge_std: FloatArray
    per_configuration: bool = False

    @classmethod
    def unscaled(
        cls, species: tuple[int, ...], times: int, per_configuration: bool = False
    ) -> TargetStatistics:
        """Statistics of a network whose forecasts are taken as they are."""
        shape = (len(species), times)
        nodes, edges = (np.zeros(shape), np.ones(shape)), (np.zeros(times), np.ones(times))
        return cls(species, *nodes, *edges, per_configuration)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        values = vars(self).items()
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> TargetStatistics:
        """Read back what :meth:`to_json` wrote; KeyError or TypeError if it is not that."""
        arrays = {
            key: np.array(record[key], dtype=np.float64)
            for key in ("node_mean", "node_std", "edge_mean", "edge_std")
        }
        species = tuple(int(s) for s in record["species"])
        return cls(species=species, per_configuration=bool(record["per_configuration"]), **arrays)


class _Moments:
    """Sums of values and squares over axis 1."""

    def __init__(self) -> None:
        self.count, self.sum, self.square = 0, np.zeros(0), np.zeros(0)

    def add(self, values: FloatArray) -> None:
        self.count += values.shape[1]
        self.sum = values.sum(1) + (self.sum if self.sum.size else 0)
        self.square = np.square(values).sum(1) + (self.square if self.square.size else 0)

    def finish(self) -> tuple[FloatArray, FloatArray]:
        mean = self.sum / self.count
        return mean, _positive(np.sqrt(np.maximum(self.square / self.count - mean**2, 0)))


def _positive(std: FloatArray) -> FloatArray:
    # A target that does not vary is left unscaled rather than blown up.
    return np.where(std > 1e-12, std, 1.0)


def measure_targets(
    configurations: Iterable[Configuration],
    target: str,
    species: tuple[int, ...],
    normalisation: str,
    pairs: bool,
) -> TargetStatistics:
    """Statistics of the training targets, in one pass over the configurations.

    Parameters
    ----------
    target : field of Configuration, (T, N).
    species : to learn.
    normalisation : ``dataset``, ``configuration`` or ``none``.
    pairs : whether pair-distance changes are learned too.

    Raises
    ------
    ModelError : if pair-distance changes are learned and a configuration has none.
    """
    per_configuration = normalisation == "configuration"
    nodes: list[list[tuple[FloatArray, FloatArray]]] = [[] for _ in species]
    pooled, pooled_edges = [_Moments() for _ in species], _Moments()
    times = 0
    for configuration in configurations:
        labels = np.asarray(getattr(configuration, target), dtype=np.float64)
        times = len(labels)
        for s, of_species in enumerate(species):
            mine = labels[:, configuration.types == of_species]
            if mine.shape[1]:
                pooled[s].add(mine)
                nodes[s].append((mine.mean(1), _positive(mine.std(1))))
        if pairs:
            if configuration.bond_change is None:
                raise ModelError(
                    f"{configuration.name} has no 'bond_change' to learn from; set node_weight to "
                    "1, or import its trajectories"
                )
            pooled_edges.add(configuration.bond_change.astype(np.float64))
    node_mean, node_std = np.zeros((len(species), times)), np.ones((len(species), times))
    edge_mean, edge_std = np.zeros(times), np.ones(times)
    if normalisation != "none":
        for s in range(len(species)):
            if per_configuration:
                node_mean[s], node_std[s] = np.mean(nodes[s], axis=0)
            elif pooled[s].count:
                node_mean[s], node_std[s] = pooled[s].finish()
        if pairs:
            edge_mean, edge_std = pooled_edges.finish()
    return TargetStatistics(species, node_mean, node_std, edge_mean, edge_std, per_configuration)


@dataclass(frozen=True)
class Example:
    """What a network reads, with what there is to learn about it.

    Parameters
    ----------
    inputs : one configuration or several, as the network and the loss read them.
    nodes : (N, T) standardised targets.
    node_weights : (N,), 1 / (learned nodes of the configuration), 0 for other species; so a sum
        over nodes is a mean over each configuration.
    edges, edge_weights : (E, T) and (E,) the same for pair-distance changes, or None.
    learned : (N,) index into the statistics' species, -1 for the others.
    """

    inputs: NetworkInput
    nodes: Tensor
    node_weights: Tensor
    edges: Tensor | None
    edge_weights: Tensor | None
    learned: Tensor

    def to(self, device: torch.device) -> Example:
        """Return a copy on a device."""
        moved: dict[str, Any] = {
            k: None if v is None else v.to(device) for k, v in vars(self).items()
        }
        return Example(**moved)

    def nbytes(self) -> int:
        """Memory held."""
        tensors = [v for v in vars(self).values() if isinstance(v, Tensor)]
        return self.inputs.nbytes() + sum(t.numel() * t.element_size() for t in tensors)


def make_example(
    configuration: Configuration,
    inputs: NetworkInput,
    target: str,
    statistics: TargetStatistics,
    longest_pair: float = 0.0,
) -> Example:
    """Standardise the targets of one configuration and match its bonds to edges.

    Parameters
    ----------
    inputs : what is read of the configuration; a graph if pairs are learned.
    target : field of Configuration, (T, N).
    longest_pair : in sigma; changes of pairs closer than this are learned too, 0: none.
    """
    labels = np.asarray(getattr(configuration, target), dtype=np.float64)
    learned = np.full(configuration.size, -1)
    nodes = np.zeros((configuration.size, len(labels)))
    for s, of_species in enumerate(statistics.species):
        mine = configuration.types == of_species
        learned[mine] = s
        values = labels[:, mine]
        if statistics.per_configuration and values.shape[1]:
            mean, std = values.mean(1), _positive(values.std(1))
        else:
            mean, std = statistics.node_mean[s], statistics.node_std[s]
        nodes[mine] = ((values - mean[:, None]) / std[:, None]).T
    weights = (learned >= 0) / max(1, int((learned >= 0).sum()))
    edge_targets, edge_weights = None, None
    if longest_pair > 0:
        assert isinstance(inputs, GraphBatch)
        edge_targets, edge_weights = _edge_targets(configuration, inputs, statistics, longest_pair)
    return Example(
        inputs,
        torch.from_numpy(nodes).float(),
        torch.from_numpy(weights).float(),
        edge_targets,
        edge_weights,
        torch.from_numpy(learned),
    )


def _edge_targets(
    configuration: Configuration,
    graph: GraphBatch,
    statistics: TargetStatistics,
    longest_pair: float,
) -> tuple[Tensor, Tensor]:
    """Pair-distance change of each directed edge, weight 0 where none is known.

    A bond is the nearest image of a pair; edges to other images of it have no target.
    """
    if configuration.bonds is None or configuration.bond_change is None:
        raise ModelError(f"{configuration.name} has no 'bond_change' to learn from")
    ends = np.stack([graph.index.receivers.numpy(), graph.index.senders.numpy()])
    rows = find_pairs(configuration.bonds, ends, configuration.size)
    known = rows >= 0
    known &= _to_nearest_image(graph)
    known &= graph.vectors.norm(dim=1).numpy() < longest_pair
    change = configuration.bond_change.astype(np.float64).T  # (bonds, T)
    targets = np.zeros((len(rows), change.shape[1]))
    targets[known] = (change[rows[known]] - statistics.edge_mean) / statistics.edge_std
    weights = known / max(1, int(known.sum()))
    return torch.from_numpy(targets).float(), torch.from_numpy(weights).float()


def _to_nearest_image(graph: GraphBatch) -> NDArray[np.bool_]:
    """Whether an edge joins a pair of particles by the nearest of its images: (E,)."""
    nearest = np.zeros(len(graph.vectors), dtype=bool)
    pairs = graph.nearest_pairs()
    nearest[pairs.numpy()] = True
    nearest[graph.index.reverse[pairs].numpy()] = True
    return nearest


def join_examples(examples: Sequence[Example]) -> Example:
    """Side by side as one graph; the loss becomes the mean over configurations."""
    if len(examples) == 1:
        return examples[0]
    share = 1 / len(examples)
    edges = [e.edges for e in examples if e.edges is not None]
    edge_weights = [e.edge_weights * share for e in examples if e.edge_weights is not None]
    return Example(
        type(examples[0].inputs).join([e.inputs for e in examples]),
        torch.cat([e.nodes for e in examples]),
        torch.cat([e.node_weights * share for e in examples]),
        torch.cat(edges) if edges else None,
        torch.cat(edge_weights) if edge_weights else None,
        torch.cat([e.learned for e in examples]),
    )


class ExampleCache:
    """Makes each example when first asked for and keeps the recent ones, up to a limit.

    Parameters
    ----------
    configurations : read lazily, one at a time.
    make : turns a configuration into an example.
    limit : bytes kept.
    device : where examples are handed out.
    """

    def __init__(
        self,
        configurations: Sequence[Configuration],
        make: Callable[[Configuration], Example],
        limit: int,
        device: torch.device,
    ) -> None:
        self._configurations, self._make = configurations, make
        self._limit, self._device = limit, device
        self._kept: OrderedDict[int, Example] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._configurations)

    def __getitem__(self, number: int) -> Example:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        example = self._make(self._configurations[number]).to(self._device)
        self._kept[number] = example
        self._bytes += example.nbytes()
        while self._bytes > self._limit and self._kept:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes()
        return example
