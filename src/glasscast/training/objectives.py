"""What training minimises, and the phases it goes through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glasscast.datasets.configuration import Configuration
from glasscast.networks.batch import NetworkInput
from glasscast.training.examples import Example
from glasscast.training.history import phase_path
from glasscast.training.settings import TrainingSettings

#: What a network says in standardised units: (N, T) of the nodes, (E, T) of the edges or None.
Outputs = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Objective:
    """Mean squared error of standardised targets, over the learned nodes of each configuration.

    Another loss derives from this one; it may look at more than the network does.
    """

    @property
    def chooses_by_loss(self) -> bool:
        """Whether the best epoch has the least validation loss, not the highest score."""
        return False

    def prepare(self, configuration: Configuration, inputs: NetworkInput) -> NetworkInput:
        """Add to the input of the network what the loss reads of a configuration; by default none.

        Parameters
        ----------
        inputs : what the network reads of the configuration.
        """
        return inputs

    def __call__(self, outputs: Outputs, example: Example) -> Tensor:
        """Loss of one or more configurations: a scalar."""
        return mean_square(outputs[0], example.nodes, example.node_weights)

    def correlations(self, outputs: Outputs, example: Example) -> tuple[float, float]:
        """Pearson correlation of particles, mean over learned species, and of pairs.

        NaN of what is not learned. The best epoch is chosen by the first, else by the second.
        """
        learned, rows = example.learned, labelled_rows(example.node_weights)
        nodes, truth = outputs[0][:, rows], example.nodes[:, rows]
        groups = [learned == s for s in range(int(learned.max()) + 1) if (learned == s).any()]
        found = [mean_pearson(nodes[g], truth[g]) for g in groups]
        return float(np.mean(found)), math.nan


def mean_square(forecast: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean squared error over rows, mean over columns (times)."""
    return (weights * (forecast.float() - target).square()).sum() / target.shape[1]


def labelled_rows(weights: Tensor) -> Tensor:
    """Columns (times) of weights (N, T) in which anything is labelled: (T,) bool."""
    return (weights > 0).any(0)


def mean_pearson(forecast: Tensor, truth: Tensor) -> float:
    """Pearson correlation over rows, mean over columns (times); a constant column counts 0."""
    a = forecast.double() - forecast.double().mean(0)
    b = truth.double() - truth.double().mean(0)
    norm = (a.square().sum(0) * b.square().sum(0)).sqrt()
    return float(torch.where(norm > 0, (a * b).sum(0) / norm.clamp(min=1e-300), 0.0).mean())


@dataclass(frozen=True)
class Phase:
    """One run of the training loop with its own loss and settings; most models have one only.

    Parameters
    ----------
    objective : the loss.
    settings : of training.
    """

    objective: Objective
    settings: TrainingSettings


def phase_paths(checkpoint: Path | None, phases: Sequence[Phase]) -> list[Path | None]:
    """Checkpoint of each phase: the one given when there is but one.

    All stay until the last phase is over: a fit that is taken up passes through the finished
    ones again, which costs nothing, and so comes by their weights and curves.
    """
    if checkpoint is None or len(phases) == 1:
        return [checkpoint for _ in phases]
    return [phase_path(checkpoint, k) for k in range(1, len(phases) + 1)]
