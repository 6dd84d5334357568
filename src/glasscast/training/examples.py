"""Targets of nodes and edges as a network learns them: standardised, weighted, cached."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
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
from glasscast.training.label_weights import (
    UNEXPLAINED,
    Runs,
    mostly_noise,
    row_weights,
    runs_of,
    signal_and_noise,
)
from glasscast.training.settings import LabelNoise


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
    node_noise, edge_noise : (S, T), (T,) k of :mod:`glasscast.training.label_weights`; None where
        all labels weigh alike.
    most_runs : (T,) runs behind the labels that weigh 1.
    """

    species: tuple[int, ...]
    node_mean: FloatArray
    node_std: FloatArray
    edge_mean: FloatArray
    edge_std: FloatArray
    per_configuration: bool = False
    node_noise: FloatArray | None = None
    edge_noise: FloatArray | None = None
    most_runs: FloatArray | None = None

    @classmethod
    def unscaled(
        cls, species: tuple[int, ...], times: int, per_configuration: bool = False
    ) -> TargetStatistics:
        """Statistics of a network whose forecasts are taken as they are."""
        shape = (len(species), times)
        nodes, edges = (np.zeros(shape), np.ones(shape)), (np.zeros(times), np.ones(times))
        return cls(species, *nodes, *edges, per_configuration)

    def noisy(self, runs: Runs) -> NDArray[np.bool_]:
        """Whether labels of so many runs, (T,), are mostly noise: (S, T)."""
        noise = 0.0 if self.node_noise is None else self.node_noise
        return mostly_noise(np.array(runs), np.broadcast_to(noise, (len(self.species), len(runs))))

    def node_weights(self, runs: Runs) -> FloatArray:
        """Weights of particles' labels of so many runs, (T,): (S, T), at most 1."""
        shape = len(self.species), len(runs)
        return np.broadcast_to(self._weights(runs, self.node_noise), shape)

    def edge_weights(self, runs: Runs) -> FloatArray:
        """Weights of pairs' labels of so many runs: (T,), at most 1."""
        return self._weights(runs, self.edge_noise)

    def _weights(self, runs: Runs, noise: FloatArray | None) -> FloatArray:
        known = np.array(runs)
        if noise is None or self.most_runs is None:
            return np.where(known > 0, 1.0, 0.0)
        return row_weights(known, noise, self.most_runs)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        values = {k: v for k, v in vars(self).items() if v is not None}.items()
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> TargetStatistics:
        """Read back what :meth:`to_json` wrote; KeyError or TypeError if it is not that."""
        noise = [key for key in ("node_noise", "edge_noise", "most_runs") if key in record]
        arrays = {
            key: np.array(record[key], dtype=np.float64)
            for key in ("node_mean", "node_std", "edge_mean", "edge_std", *noise)
        }
        species = tuple(int(s) for s in record["species"])
        return cls(species=species, per_configuration=bool(record["per_configuration"]), **arrays)


@dataclass
class _Samples:
    """Means and variances of the labels of one species, or of pairs, by configuration.

    Parameters
    ----------
    runs, mean, variance : a (T,) array a configuration; NaN where there is no label.
    count : of labels at each time.
    """

    runs: list[FloatArray] = field(default_factory=list)
    mean: list[FloatArray] = field(default_factory=list)
    variance: list[FloatArray] = field(default_factory=list)
    count: list[int] = field(default_factory=list)

    def add(self, runs: Runs, labels: FloatArray) -> None:
        """Take in the labels (T, n) of a configuration."""
        if labels.shape[1]:
            self.runs.append(np.array(runs))
            self.mean.append(labels.mean(1))
            self.variance.append(labels.var(1))
            self.count.append(labels.shape[1])

    def measured(self, times: int, noise: LabelNoise, normalisation: str) -> _Scale:
        """Mean, spread and k of the labels at each time."""
        found = _Scale(np.zeros(times), np.ones(times), np.zeros(times), np.zeros(times))
        count, each = np.array(self.count, dtype=np.float64), normalisation == "configuration"
        for t in range(times if self.count else 0):
            runs, mean, variance = (
                np.stack(values)[:, t] for values in (self.runs, self.mean, self.variance)
            )
            at = runs > 0
            if at.any():
                found.set(t, _scale_of(runs[at], mean[at], variance[at], count[at], noise, each))
        if normalisation == "none":
            return replace(found, mean=np.zeros(times), spread=np.ones(times))
        return found


@dataclass(frozen=True)
class _Scale:
    """Mean, spread, k and most runs of labels, at each time: (T,)."""

    mean: FloatArray
    spread: FloatArray
    noise: FloatArray
    most: FloatArray

    def set(self, t: int, values: tuple[float, float, float, float]) -> None:
        """Fill in one time."""
        for array, value in zip(vars(self).values(), values, strict=True):
            array[t] = value


def _scale_of(
    runs: NDArray[Any],
    mean: FloatArray,
    variance: FloatArray,
    count: FloatArray,
    noise: LabelNoise,
    each: bool,
) -> tuple[float, float, float, float]:
    """Mean, spread, k and most runs of labels at one time, from (C,) configurations.

    Parameters
    ----------
    each : averages over configurations, not over all that they hold.
    """
    signal, single = signal_and_noise(runs, variance, count)
    k = single / (UNEXPLAINED * signal) if signal > 0 else 0.0
    k = k if noise == "estimated" else noise
    weights = row_weights(runs, k, runs.max()) * (1.0 if each else count)
    centre = float(np.average(mean, weights=weights))
    if not each:
        signal += float(np.average((mean - centre) ** 2, weights=weights))
    elif single == 0:
        signal = float(np.mean(_positive(np.sqrt(variance)))) ** 2
    return centre, float(_positive(np.sqrt(signal))), k, float(runs.max())


def _positive(std: FloatArray | float) -> FloatArray:
    # A target that does not vary is left unscaled rather than blown up.
    return np.where(std > 1e-12, std, 1.0)


def measure_targets(
    configurations: Iterable[Configuration],
    target: str,
    species: tuple[int, ...],
    normalisation: str,
    pairs: bool,
    noise: LabelNoise = "estimated",
) -> TargetStatistics:
    """Statistics of the training targets, in one pass over the configurations.

    Where labels are means over different numbers of runs, the spread is that of the signal: what
    the noise of few runs adds to it is left out.

    Parameters
    ----------
    target : field of Configuration, (T, N).
    species : to learn.
    normalisation : ``dataset``, ``configuration`` or ``none``.
    pairs : whether pair-distance changes are learned too.
    noise : k of the weights of labels, or ``estimated``.

    Raises
    ------
    ModelError : if pair-distance changes are learned and a configuration has none, or there is a
        time at which no configuration has labels.
    """
    nodes, edges, times = [_Samples() for _ in species], _Samples(), 0
    labelled: NDArray[np.bool_] | None = None
    for configuration in configurations:
        labels = np.asarray(getattr(configuration, target), dtype=np.float64)
        times, runs = len(labels), runs_of(configuration, target)
        known = np.array(runs) > 0
        labelled = known if labelled is None else labelled | known
        for samples, of_species in zip(nodes, species, strict=True):
            samples.add(runs, labels[:, configuration.types == of_species])
        if pairs:
            if configuration.bond_change is None:
                raise ModelError(
                    f"{configuration.name} has no 'bond_change' to learn from; set node_weight to "
                    "1, or import its trajectories"
                )
            change = configuration.bond_change.astype(np.float64)
            edges.add(runs_of(configuration, "bond_change"), change)
    if labelled is not None and not labelled.all():
        raise ModelError(f"no training configuration has labels at row {np.argmin(labelled)}")
    scales = [samples.measured(times, noise, normalisation) for samples in nodes]
    # Pairs are never standardised within configurations.
    pooled = edges.measured(times, noise, "none" if normalisation == "none" else "dataset")
    alike = not any(scale.noise.any() for scale in (*scales, pooled))
    return TargetStatistics(
        species,
        np.stack([scale.mean for scale in scales]),
        np.stack([scale.spread for scale in scales]),
        pooled.mean,
        pooled.spread,
        normalisation == "configuration",
        node_noise=None if alike else np.stack([scale.noise for scale in scales]),
        edge_noise=None if alike else pooled.noise,
        most_runs=None if alike else np.max([scale.most for scale in scales], axis=0),
    )


@dataclass(frozen=True)
class Example:
    """What a network reads, with what there is to learn about it.

    Parameters
    ----------
    inputs : one configuration or several, as the network and the loss read them.
    nodes : (N, T) standardised targets.
    node_weights : (N, T), weight of the labels / (learned nodes of the configuration), 0 for
        other species and times without labels; so a sum over nodes is a mean over each
        configuration. Of sums the weight of the labels alone.
    edges, edge_weights : (E, T) the same for pair-distance changes, or None.
    learned : (N,) index into the statistics' species, -1 for the others.
    noisy : (C, S, T) whether the labels of a species are mostly noise.
    """

    inputs: NetworkInput
    nodes: Tensor
    node_weights: Tensor
    edges: Tensor | None
    edge_weights: Tensor | None
    learned: Tensor
    noisy: Tensor

    def to(self, device: torch.device) -> Example:
        """Return a copy on a device."""
        moved: dict[str, Any] = {
            k: None if v is None else v.to(device) for k, v in vars(self).items()
        }
        return Example(**moved)

    def weighed(self, factor: float) -> Example:
        """Return it with all labels weighing so many times as much."""
        edge_weights = None if self.edge_weights is None else self.edge_weights * factor
        return replace(self, node_weights=self.node_weights * factor, edge_weights=edge_weights)

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
    species_apart: bool = False,
    sums: bool = False,
) -> Example:
    """Standardise the targets of one configuration and match its bonds to edges.

    Parameters
    ----------
    inputs : what is read of the configuration; a graph if pairs are learned.
    target : field of Configuration, (T, N).
    longest_pair : in sigma; changes of pairs closer than this are learned too, 0: none.
    species_apart : weigh particles by how many there are of their species, not of all learned.
    sums : weigh none by how many there are: losses are sums over particles and pairs.
    """
    labels = np.asarray(getattr(configuration, target), dtype=np.float64)
    behind = runs_of(configuration, target)
    runs, noisy = np.array(behind), statistics.noisy(behind)
    worth = statistics.node_weights(behind)
    learned = np.full(configuration.size, -1)
    nodes, weights = (np.zeros((configuration.size, len(labels))) for _ in range(2))
    for s, of_species in enumerate(statistics.species):
        mine = configuration.types == of_species
        learned[mine] = s
        values = labels[:, mine]
        mean, std = statistics.node_mean[s], statistics.node_std[s]
        if statistics.per_configuration and values.shape[1]:
            mean, own = values.mean(1), _positive(values.std(1))
            std = np.where(noisy[s], std, own)
        nodes[mine] = ((values - mean[:, None]) / std[:, None]).T
        share = max(1, int(mine.sum())) if species_apart and not sums else 1
        weights[mine] = worth[s] / share
    nodes[:, runs == 0] = 0.0
    weights /= 1 if species_apart or sums else max(1, int((learned >= 0).sum()))
    edge_targets, edge_weights = None, None
    if longest_pair > 0:
        assert isinstance(inputs, GraphBatch)
        edge_targets, edge_weights, known = _edge_targets(
            configuration, inputs, statistics, longest_pair
        )
        edge_weights = edge_weights if sums else edge_weights / max(1, known)
    return Example(
        inputs,
        torch.from_numpy(nodes).float(),
        torch.from_numpy(weights).float(),
        edge_targets,
        edge_weights,
        torch.from_numpy(learned),
        torch.from_numpy(noisy)[None],
    )


def _edge_targets(
    configuration: Configuration,
    graph: GraphBatch,
    statistics: TargetStatistics,
    longest_pair: float,
) -> tuple[Tensor, Tensor, int]:
    """Pair-distance change of each directed edge, weight 0 where none is known, and how many are.

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
    by_row = statistics.edge_weights(runs_of(configuration, "bond_change"))
    targets[:, by_row == 0] = 0.0
    weights = torch.from_numpy(np.outer(known, by_row)).float()
    return torch.from_numpy(targets).float(), weights, int(known.sum())


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
        torch.cat([e.noisy for e in examples]),
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
