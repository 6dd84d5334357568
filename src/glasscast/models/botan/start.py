"""How a training starts from weights of another: their units changed, the read-out fitted anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from glasscast.liquid.box import FloatArray
from glasscast.models.botan.network import BotanNetwork
from glasscast.training.examples import Example, TargetStatistics

#: Read-out layer of a decoder.
_LAST = "layers.2"
#: How much a round changes at first what it was given; how large first forecasts are.
_SMALL = 0.1
#: Ridge on standardised features, per learned node: enough to bear features that hardly vary.
_PENALTY = 1e-4


class Source(NamedTuple):
    """Weights to start from.

    Parameters
    ----------
    state : under the names of our network.
    statistics : of the targets that they forecast.
    knows_pairs : whether pairs were learned.
    """

    state: Mapping[str, Tensor]
    statistics: TargetStatistics
    knows_pairs: bool


def start_near_identity(network: BotanNetwork) -> None:
    """Draw the weights of an untrained network so that each round changes little at first.

    Rounds begin as the identity plus a tenth of what He et al. draw, as Le et al. begin recurrent
    networks with rectifiers: the vectors of the edges, which layers drawn at random wash out in
    seven rounds, reach the read-out, and learning starts at the first step.

    References
    ----------
    Le, Jaitly, Hinton, arXiv:1504.00941 (2015); He et al., arXiv:1502.01852 (2015).
    """
    for encoder in (network.encode_node, network.encode_edge):
        for layer in encoder.linears:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.uniform_(layer.bias, -0.3, 0.3)  # kinks of few inputs lie apart
    for update in (network.update_edge, network.update_node):
        for layer in update.linears:  # of the first, what is updated stands in the first columns
            width = len(layer.weight)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight *= _SMALL
                layer.weight[:, :width] += torch.eye(width)
    for decoder in filter(None, (network.decode, network.decode_edge)):
        for layer in decoder.linears:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            decoder.linears[-1].weight *= _SMALL


def take_weights(
    network: BotanNetwork,
    state: Mapping[str, Tensor],
    old: TargetStatistics,
    new: TargetStatistics,
) -> None:
    """Put weights that forecast in other units into a network.

    The last layer of each decoder is changed so that it says the same in the new standardised
    units: that of nodes in those of the first species, that of edges, or of both, in those of
    edges. Where one of the two networks has two decoders and the other one, each of the two is
    taken from, or becomes, the one. A single forecast is copied to all times of the network.

    Parameters
    ----------
    old, new : statistics of the targets that the weights were, and the network is to be, trained
        on.

    Raises
    ------
    RuntimeError : if they are those of another network.
    """
    body = {k: v.clone() for k, v in state.items() if not k.startswith(("decode.", "decode_edge."))}
    nodes = _decoder(state, "decode.")
    edges = _decoder(state, "decode_edge.") or nodes
    of_nodes = _Units(old.node_mean[0], old.node_std[0], new.node_mean[0], new.node_std[0])
    of_edges = _Units(old.edge_mean, old.edge_std, new.edge_mean, new.edge_std)
    if network.decode_edge is not None:
        body |= of_nodes.change(nodes, "decode.") | of_edges.change(edges, "decode_edge.")
    elif network.forecasts_edges:
        body |= of_edges.change(edges, "decode.")
    else:
        body |= of_nodes.change(nodes, "decode.")
    # Published networks have no normalisations: those of the network start as they are.
    fresh = network.state_dict()
    body |= {key: fresh[key] for key in fresh.keys() - body.keys() if "_norms." in key}
    network.load_state_dict(body)


def _decoder(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the weights of one decoder by their names in it; empty where there is none."""
    return {key.removeprefix(name): v for key, v in state.items() if key.startswith(name)}


class _Units(NamedTuple):
    """Mean and deviation, (T,) each, of the targets before and now."""

    old_mean: FloatArray
    old_std: FloatArray
    mean: FloatArray
    std: FloatArray

    def change(self, decoder: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
        """Return the weights of a decoder, under a name, that says the same in the new units."""
        weight, bias = decoder[f"{_LAST}.weight"], decoder[f"{_LAST}.bias"]
        times = len(self.mean)
        if len(bias) == 1:
            weight, bias = weight.repeat(times, 1), bias.repeat(times)
        if len(bias) == times:
            scale = torch.as_tensor(self.old_std / self.std, dtype=torch.float32)
            shift = torch.as_tensor((self.old_mean - self.mean) / self.std, dtype=torch.float32)
            weight, bias = weight * scale.unsqueeze(1), bias * scale + shift
        changed = {**decoder, f"{_LAST}.weight": weight, f"{_LAST}.bias": bias}
        return {f"{name}{key}": value for key, value in changed.items()}


def fit_readout(
    network: nn.Module, layer: nn.Linear, examples: Iterable[Example], *, pairs: bool = False
) -> None:
    r"""Set the last linear layer of a network to the ridge solution for the nodes, or the pairs.

    .. math:: \min_{W, b} \sum_i w_i \Vert W x_i + b - y_i \Vert^2 + \lambda \Vert W \Vert_s^2

    with the weights of :class:`~glasscast.training.examples.Example` and W measured in standard
    deviations of the features. A network that was trained for another target then starts as well
    as its features allow; from a random read-out the first steps would spoil them.

    Parameters
    ----------
    layer : whose first input in a forward pass are the features of the nodes (N, F), whose last
        input are those of the edges (E, F), and whose output are the standardised forecasts.
    examples : training configurations, read once.
    pairs : fit the edges.
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
            weights, wanted = example.node_weights, example.nodes
            if pairs:
                assert example.edge_weights is not None
                assert example.edges is not None
                weights, wanted = example.edge_weights, example.edges
            known = weights.any(1)
            features = inputs[-1 if pairs else 0][known].double()
            features = torch.cat([features, features.new_ones(len(features), 1)], 1)
            weights, wanted = weights[known].double(), wanted[known].double()
            columns = [features.T @ (w[:, None] * features) for w in weights.T]
            products = products + torch.stack(columns)  # (T, F + 1, F + 1)
            targets = targets + (features.T @ (weights * wanted)).T
    finally:
        handle.remove()
    total, sums = products[:, -1, -1:], products[:, -1, :-1]
    spread = products.diagonal(dim1=1, dim2=2)[:, :-1] - sums.square() / total
    ridge = torch.cat([_PENALTY * spread + 1e-12 * total, torch.zeros_like(total)], 1)
    solution = torch.linalg.solve(products + torch.diag_embed(ridge), targets)  # (T, F + 1)
    with torch.no_grad():
        layer.weight.copy_(solution[:, :-1])
        layer.bias.copy_(solution[:, -1])
