"""Geo-GNN as its authors released it, which is not quite what their paper prints."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from glasscast.models.geo_gnn.distances import distinct_distances
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.networks.batch import GraphBatch
from glasscast.networks.segments import (
    add_node_parts,
    neighbour_counts,
    sum_by_receiver,
)
from glasscast.networks.triplets import triplet_convolution

#: Trainable numbers with the settings of the release: width 32, 64 Gaussians, 16 harmonics.
RELEASED_PARAMETERS = 29314
#: Where beta of the Gaussians starts.
_SHARPNESS = 50.0


class BottleneckTripletLayer(nn.Module):
    r"""Triplets to edges through half the width, with a residual.

    .. math::
        m_{ij} = \sum_{k \in N_j \setminus i} (W W_0 Y(\theta_{ijk})) \odot
        \sigma(W_\downarrow h_{jk}), \qquad
        h'_{ij} = h_{ij} + \sigma(W_e [h_{ij} \Vert \sigma(W_\uparrow m_{ij})])

    with harmonics l = 0, 1, ..., where the paper begins with 1, and no activation in its place.
    """

    def __init__(self, width: int, functions: int) -> None:
        super().__init__()
        half = max(1, width // 2)
        self.first = nn.Linear(functions, functions, bias=False)  # W_0
        self.second = nn.Linear(functions, half, bias=False)  # W
        self.down = nn.Linear(width, half, bias=False)
        self.up = nn.Linear(half, width, bias=False)
        self.mix = nn.Linear(2 * width, width)

    def forward(self, edges: Tensor, graph: GraphBatch) -> Tensor:
        """Update the edges: (E, F) -> (E, F)."""
        assert graph.triplets is not None
        incoming, index = silu(self.down(edges)), graph.index
        angle = (self.second.weight @ self.first.weight).T  # (L, F / 2), l = 0 first
        # l = 0 does not see the angle: all that sender j receives, less the part of i.
        others = sum_by_receiver(incoming, index)[index.senders] - incoming[index.reverse]
        message = others * angle[0] / math.sqrt(4 * math.pi)
        if len(angle) > 1:
            further = angle[1:].contiguous()
            message = message + triplet_convolution(incoming, further, graph.triplets, index)
        mixed: Tensor = silu(self.mix(torch.cat([edges, silu(self.up(message))], 1)))
        return edges + mixed


class ReleasedGeoNetwork(nn.Module):
    r"""Embedding, triplet layers and aggregation of the released code, at T times.

    Beside the bottlenecks of the triplet layers it differs from the equations of the paper in
    this: the distance is embedded by a layer of its own before type and distance are mixed; the
    aggregation has a term of the node itself; the last sum over neighbours is a mean; the two
    MLPs at the end have batch normalisation, over edges and over nodes, and ReLU.

    Parameters
    ----------
    settings : of the model.
    species : number of species; edges have species**2 types.
    outputs : times T forecast at once.

    References
    ----------
    Jiang, Tian, Li (2023); their public code, model and training notebook.
    """

    def __init__(self, settings: GeoSettings, species: int, outputs: int) -> None:
        super().__init__()
        width, count = settings.hidden, settings.radial_functions
        half = max(1, width // 2)
        self.species = species
        self.register_buffer(
            "centres", torch.linspace(0, settings.radial_cutoff, count), persistent=False
        )
        self.beta = nn.Parameter(torch.tensor(_SHARPNESS))
        self.types = nn.Parameter(torch.empty(species**2, width).uniform_(-(3**0.5), 3**0.5))
        self.distance = nn.Linear(count, width)
        self.embed = nn.Linear(2 * width, width)
        self.attend_radial = nn.Linear(count, width)
        self.value_radial = nn.Linear(width, width)
        self.layers = nn.ModuleList(
            BottleneckTripletLayer(width, settings.angular_functions)
            for _ in range(settings.triplet_layers)
        )
        self.attend = nn.Linear(3 * width, width)  # receiver, sender, edge
        self.value = nn.Linear(3 * width, width)
        self.own = nn.Linear(width, width)
        self.difference = nn.Linear(2 * width, width)  # node, neighbour less node
        self.difference_norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, width)
        self.hidden = nn.Linear(width, half)
        self.hidden_norm = nn.BatchNorm1d(half)
        self.readout = nn.Linear(half, outputs)

    def forward(self, graph: GraphBatch) -> tuple[Tensor, None]:
        """Forecast all nodes: (N, T)."""
        edges, nodes = self._embed(graph)
        for layer in self.layers:
            edges = layer(edges, graph)
        nodes = self._difference(self._attend(nodes, edges, graph), graph)
        hidden = self.hidden_norm(self.hidden(silu(nodes))).relu()
        return self.readout(hidden), None

    def _embed(self, graph: GraphBatch) -> tuple[Tensor, Tensor]:
        """First features of edges (E, F) and nodes (N, F)."""
        index, (distances, pairs) = graph.index, distinct_distances(graph)
        offsets = distances.unsqueeze(1) - self.get_buffer("centres").to(distances)
        radial = torch.exp(-self.beta * offsets.square())
        kinds = graph.types[index.senders] * self.species + graph.types[index.receivers]
        seen = torch.cat([self.types[kinds], silu(self.distance(radial))[pairs]], 1)
        edges = silu(self.embed(seen))
        attention = self.attend_radial(radial).tanh()[pairs]
        nodes = silu(sum_by_receiver(silu(self.value_radial(edges)) * attention, index))
        return edges, nodes

    def _attend(self, nodes: Tensor, edges: Tensor, graph: GraphBatch) -> Tensor:
        """Edges to nodes, with weights that may be negative and a term of the node itself."""
        found = []
        for layer in (self.attend, self.value):
            by_receiver, by_sender, by_edge = layer.weight.chunk(3, dim=1)
            found.append(
                add_node_parts(
                    linear(edges, by_edge, layer.bias),
                    linear(nodes, by_receiver),
                    linear(nodes, by_sender),
                    graph.index,
                )
            )
        received = sum_by_receiver(found[0].tanh() * silu(found[1]), graph.index)
        return silu(received + self.own(nodes))

    def _difference(self, nodes: Tensor, graph: GraphBatch) -> Tensor:
        """Nodes to nodes: mean over neighbours of an MLP of the node and the difference."""
        by_self, by_difference = self.difference.weight.chunk(2, dim=1)
        edges = add_node_parts(
            nodes.new_zeros(len(graph.vectors), nodes.shape[1]),
            linear(nodes, by_self - by_difference, self.difference.bias),
            linear(nodes, by_difference),
            graph.index,
        )
        hidden = self.difference_norm(edges).relu() if len(edges) else edges
        # The last layer is linear: apply it to the mean, once a node.
        counts = neighbour_counts(graph.index, nodes)
        mean = sum_by_receiver(hidden, graph.index) / counts
        there = (graph.index.offsets.diff() > 0).unsqueeze(1)
        return linear(mean, self.out.weight) + there * self.out.bias
