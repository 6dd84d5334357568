"""The interaction network of NT-GNN and BOTAN."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from glasscast.models.botan.settings import InteractionSettings
from glasscast.networks.batch import GraphBatch
from glasscast.networks.edge_update import edge_update
from glasscast.networks.normalisation import feature_norm
from glasscast.training.objectives import Outputs


class Perceptron(nn.Module):
    """Linear layers with ReLU after each, the last one included unless it is a read-out.

    Parameters
    ----------
    widths : of input, hidden layers and output.
    readout : leave the last layer linear.
    """

    def __init__(self, *widths: int, readout: bool = False) -> None:
        super().__init__()
        linears = [nn.Linear(a, b) for a, b in pairwise(widths)]
        self.layers = nn.ModuleList(linears)
        self.readout = readout

    @property
    def linears(self) -> list[nn.Linear]:
        """The layers in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, x: Tensor) -> Tensor:
        """Apply to rows: (..., widths[0]) -> (..., widths[-1])."""
        for number, layer in enumerate(self.linears, 1):
            x = layer(x)
            if number < len(self.layers) or not self.readout:
                x = x.relu_()
        return x


class BotanNetwork(nn.Module):
    r"""Encode, process with shared weights, decode.

    .. math::
        h^0_i = E_n(Z_i), \qquad h^0_{ij} = E_e(\mathbf r_i - \mathbf r_j)

        h^m_{ij} = \mathrm{MLP}_e(h^{m-1}_{ij} \Vert h^0_{ij} \Vert h^{m-1}_i [\Vert h^0_i]
        \Vert h^{m-1}_j [\Vert h^0_j])

        h^m_i = \mathrm{MLP}_n(h^{m-1}_i \Vert h^0_i \Vert \textstyle\sum_j h^m_{ij})

        S_i = D(h^n_i), \qquad \mathcal E_{ij} = D'(h^n_{ij})

    i receives, j sends. The encoded nodes in brackets are read by the network of Bapst et al.
    only; BOTAN decodes nodes and edges with one network (D = D') in its released form, with two
    in the paper. Not rotation invariant: trained with random symmetries of the box.

    Parameters
    ----------
    settings : of the model.
    dimension : of space, 2 or 3.
    outputs : times T forecast at once.

    References
    ----------
    Shiba et al., J. Chem. Phys. 158, 084503 (2023), eqs. 1-6;
    Bapst et al., Nat. Phys. 16, 448 (2020).
    """

    def __init__(self, settings: InteractionSettings, dimension: int, outputs: int) -> None:
        super().__init__()
        width = settings.hidden
        self.rounds = settings.rounds
        self.node_inputs = 2 if settings.edge_sees_encoded_nodes else 1
        self.encode_node = Perceptron(1, width, width)
        self.sees_vectors = settings.edge_input == "vector"
        self.encode_edge = Perceptron(dimension if self.sees_vectors else 1, width, width)
        # Columns of the first layer: edge, encoded edge, receiver, sender.
        self.update_edge = Perceptron((2 + 2 * self.node_inputs) * width, width, width)
        self.update_node = Perceptron(3 * width, width, width)  # node, encoded node, sum
        kinds = [settings.feature_norm] * settings.rounds
        self.sum_norms = nn.ModuleList(feature_norm(width, kind) for kind in kinds)
        self.node_norms = nn.ModuleList(feature_norm(width, kind) for kind in kinds)
        self.decode = Perceptron(width, width, width, outputs, readout=True)
        self.forecasts_edges = settings.node_weight < 1
        self.decode_edge: Perceptron | None = None  # None: the decoder of the nodes
        if self.forecasts_edges and not settings.shared_decoder:
            self.decode_edge = Perceptron(width, width, width, outputs, readout=True)

    def forward(self, graph: GraphBatch) -> Outputs:
        """Forecast all nodes (N, T), and all edges (E, T) when they are learned."""
        encoded_nodes = self.encode_node(graph.types.to(graph.vectors.dtype).unsqueeze(1))
        seen = -graph.vectors  # r_receiver - r_sender
        if not self.sees_vectors:
            seen = seen.norm(dim=1, keepdim=True)
        encoded_edges = self.encode_edge(seen)
        first, second = self.update_edge.linears
        width = encoded_nodes.shape[1]
        by_edge, by_encoded, by_receiver, by_sender = torch.split(
            first.weight,
            [width, width, self.node_inputs * width, self.node_inputs * width],
            dim=1,
        )
        # The encoded edges never change, nor does their share of the first layer.
        constant = linear(encoded_edges, by_encoded, first.bias)
        nodes, edges = encoded_nodes, encoded_edges
        for sum_norm, node_norm in zip(self.sum_norms, self.node_norms, strict=True):
            seen = torch.cat([nodes, encoded_nodes], 1) if self.node_inputs == 2 else nodes
            edges, received = edge_update(
                edges,
                constant,
                linear(seen, by_receiver),
                linear(seen, by_sender),
                by_edge,
                second.weight,
                second.bias,
                graph.index,
            )
            received = sum_norm(received, graph)
            nodes = self.update_node(torch.cat([nodes, encoded_nodes, received], 1))
            nodes = node_norm(nodes, graph)
        if not self.forecasts_edges:
            return self.decode(nodes), None
        return self.decode(nodes), (self.decode_edge or self.decode)(edges)
