"""Normalisations whose statistics never mix configurations.

In training every configuration is normalised by its own mean and variance, so that a step on
several is the average of steps on each. A forecast uses either those of the configuration again
or averages kept during training; what else is in the batch never matters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glasscast.networks.basis import degree_of_components
from glasscast.networks.batch import GraphBatch

_EPSILON = 1e-5
#: Weight of the newest configuration in running averages.
_MOMENTUM = 0.1


def configuration_mean(values: Tensor, graph: GraphBatch) -> Tensor:
    """Mean over the nodes of each configuration: (N, ...) -> (configurations, ...)."""
    if len(graph.counts) == 1:
        return values.mean(0, keepdim=True)
    return torch.stack([part.mean(0) for part in torch.split(values, list(graph.counts))])


def _on_nodes(statistic: Tensor, graph: GraphBatch) -> Tensor:
    """Rows of configurations (or one row for all) as rows that broadcast over nodes."""
    return statistic if len(statistic) == 1 else statistic[graph.owners]


def _follow(running: Tensor, values: Tensor) -> None:
    running += _MOMENTUM * (values.detach().mean(0) - running)


class FeatureNorm(nn.Module):
    r"""Graph normalisation of invariant features.

    .. math:: h' = \beta \odot \frac{h - \eta \odot E[h]}
        {\sqrt{\mathrm{Var}[h - \eta \odot E[h]] + \epsilon}} + \gamma

    Eq. 19 of Jiang et al. (2024), after Cai et al., "GraphNorm" (2021); the "variance" there is
    the mean square. With eta = 1 and running statistics it is batch normalisation.

    Parameters
    ----------
    width : of the features.
    running : forecast with averages over training instead of each configuration's own numbers.
    """

    def __init__(self, width: int, running: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))  # beta
        self.bias = nn.Parameter(torch.zeros(width))  # gamma
        self.mean_scale = nn.Parameter(torch.ones(width))  # eta
        self.running = running
        if running:
            self.register_buffer("running_mean", torch.zeros(width))
            self.register_buffer("running_var", torch.ones(width))

    def forward(self, features: Tensor, graph: GraphBatch) -> Tensor:
        """Normalise (N, F)."""
        if self.running and not self.training:
            mean = self.get_buffer("running_mean").unsqueeze(0)
            variance = self.get_buffer("running_var").unsqueeze(0)
            square = variance + ((1 - self.mean_scale) * mean).square()
            offset = features - self.mean_scale * mean
        else:
            mean = configuration_mean(features, graph)
            offset = features - _on_nodes(self.mean_scale * mean, graph)
            square = configuration_mean(offset.square(), graph)
            if self.running:
                variance = square - ((1 - self.mean_scale) * mean).square()
                _follow(self.get_buffer("running_mean"), mean)
                _follow(self.get_buffer("running_var"), variance)
        scale = self.weight * (square + _EPSILON).rsqrt()
        return offset * _on_nodes(scale, graph) + self.bias

    def match(self, features: Tensor) -> None:
        """Choose weight and bias so that (N, F) features like these pass unchanged."""
        with torch.no_grad():
            self.weight.copy_(features.std(0, correction=0))
            self.bias.copy_(features.mean(0))
            self.mean_scale.fill_(1)


def start_as_identity(network: nn.Module, graph: GraphBatch) -> None:
    """Match all feature normalisations to a graph, so that a trained network stays what it was."""
    norms = [module for module in network.modules() if isinstance(module, FeatureNorm)]
    handles = [n.register_forward_pre_hook(lambda norm, given: norm.match(given[0])) for n in norms]
    with torch.no_grad():
        network(graph)
    for handle in handles:
        handle.remove()


class NoNorm(nn.Module):
    """Leaves features as they are."""

    def forward(self, features: Tensor, graph: GraphBatch) -> Tensor:
        """Return (N, F)."""
        return features


def feature_norm(width: int, kind: str) -> nn.Module:
    """Normalisation of a settings value: ``none``, ``configuration`` or ``running``."""
    return NoNorm() if kind == "none" else FeatureNorm(width, running=kind == "running")


class TensorNorm(nn.Module):
    r"""Normalisation of tensors by the mean norm of each degree and channel.

    .. math:: \tilde h'^{(l)} = \gamma^{(l)}\, \tilde h^{(l)} \Big/
        \sqrt{E[\Vert \tilde h^{(l)} \Vert^2] / (2l + 1)}

    Eq. 20 of Jiang et al. (2024). Scalars (l = 0) are centred first and shifted after, as in
    e3nn's batch normalisation. Forecasts use averages over training.

    Parameters
    ----------
    degree : highest l, L.
    channels : C.
    """

    def __init__(self, degree: int, channels: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, degree + 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))
        self.register_buffer("running_mean", torch.zeros(channels, 1))
        self.register_buffer("running_var", torch.ones(channels, degree + 1))
        self.register_buffer("degrees", degree_of_components(degree), persistent=False)

    def forward(self, tensors: Tensor, graph: GraphBatch) -> Tensor:
        """Normalise (N, C, M), or (N, M) of one channel."""
        if tensors.ndim == 2:
            normalised: Tensor = self(tensors.unsqueeze(1), graph)
            return normalised.squeeze(1)
        degrees = self.get_buffer("degrees").to(tensors)
        if self.training:
            mean = configuration_mean(tensors[..., :1], graph)
            _follow(self.get_buffer("running_mean"), mean)
        else:
            mean = self.get_buffer("running_mean").unsqueeze(0)
        tensors = torch.cat([tensors[..., :1] - _on_nodes(mean, graph), tensors[..., 1:]], 2)
        if self.training:
            square = configuration_mean(tensors.square(), graph) @ degrees.T / degrees.sum(1)
            _follow(self.get_buffer("running_var"), square)
        else:
            square = self.get_buffer("running_var").unsqueeze(0)
        scale = (self.weight * (square + _EPSILON).rsqrt()) @ degrees
        shift = torch.nn.functional.pad(self.bias, (0, degrees.shape[1] - 1))
        return tensors * _on_nodes(scale, graph) + shift
