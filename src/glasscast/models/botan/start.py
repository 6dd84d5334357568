"""Closed-form start of a read-out: least squares on what the network before it gives."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from glasscast.training.examples import Example

#: Ridge on standardised features, per learned node: enough to bear features that hardly vary.
_PENALTY = 1e-4


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
                network(example.graph)
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
