"""How a training starts from weights of another: their units changed, the read-out fitted anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from glasscast.models.botan.network import BotanNetwork
from glasscast.training.examples import Example, TargetStatistics

#: Ridge on standardised features, per learned node: enough to bear features that hardly vary.
_PENALTY = 1e-4


def take_weights(
    network: BotanNetwork,
    state: Mapping[str, Tensor],
    old: TargetStatistics,
    new: TargetStatistics,
) -> None:
    """Put weights that forecast in other units into a network.

    The last layer of the decoder is changed so that it says the same in the new standardised
    units, those of edges when edges are learned, else those of the first species. A single
    forecast is copied to all times of the network.

    Parameters
    ----------
    old, new : statistics of the targets that the weights were, and the network is to be, trained
        on.

    Raises
    ------
    RuntimeError : if they are those of another network.
    """
    state = {key: value.clone() for key, value in state.items()}
    last = "decode.layers.2"
    weight, bias = state[f"{last}.weight"], state[f"{last}.bias"]
    times = new.node_mean.shape[1]
    if len(bias) == 1:
        weight, bias = weight.repeat(times, 1), bias.repeat(times)
    if network.forecasts_edges:
        means, stds = (old.edge_mean, new.edge_mean), (old.edge_std, new.edge_std)
    else:
        means = (old.node_mean[0], new.node_mean[0])
        stds = (old.node_std[0], new.node_std[0])
    if len(bias) == times:
        scale = torch.as_tensor(stds[0] / stds[1], dtype=torch.float32)
        shift = torch.as_tensor((means[0] - means[1]) / stds[1], dtype=torch.float32)
        weight, bias = weight * scale.unsqueeze(1), bias * scale + shift
    state[f"{last}.weight"], state[f"{last}.bias"] = weight, bias
    # Published networks have no normalisations: those of the network start as they are.
    fresh = network.state_dict()
    state |= {key: fresh[key] for key in fresh.keys() - state.keys() if "_norms." in key}
    network.load_state_dict(state)


def fit_readout(network: nn.Module, layer: nn.Linear, examples: Iterable[Example]) -> None:
    r"""Set the last linear layer of a network to the ridge solution for the nodes.

    .. math:: \min_{W, b} \sum_i w_i \Vert W x_i + b - y_i \Vert^2 + \lambda \Vert W \Vert_s^2

    with the weights of :class:`~glasscast.training.examples.Example` and W measured in standard
    deviations of the features. A network that was trained for another target then starts as well
    as its features allow; from a random read-out the first steps would spoil them.

    Parameters
    ----------
    layer : whose first input in a forward pass are the features of the nodes (N, F), and whose
        output are the standardised forecasts (N, T).
    examples : training configurations, read once.
    """
    inputs: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    products, targets = torch.zeros(()), torch.zeros(())
    try:
        network.eval()
        for example in examples:
            inputs.clear()
            with torch.no_grad():
                network(example.inputs)
            ones = inputs[0].new_ones(len(inputs[0]), 1)
            features = torch.cat([inputs[0], ones], 1).double()
            weighted = features * example.node_weights.double().unsqueeze(1)
            products = products + weighted.T @ features
            targets = targets + weighted.T @ example.nodes.double()
    finally:
        handle.remove()
    total, sums = products[-1, -1], products[-1, :-1]
    spread = products.diagonal()[:-1] - sums.square() / total
    ridge = torch.diag(torch.cat([_PENALTY * spread + 1e-12 * total, spread.new_zeros(1)]))
    solution = torch.linalg.solve(products + ridge, targets)  # (F + 1, T)
    with torch.no_grad():
        layer.weight.copy_(solution[:-1].T)
        layer.bias.copy_(solution[-1])
