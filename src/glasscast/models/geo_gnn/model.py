"""Geo-GNN: angles on edges, then attention to nodes; invariant under rotation and reflection."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear, silu
from torch.utils.checkpoint import checkpoint

from glasscast.datasets.configuration import Configuration
from glasscast.models.deep import DeepModel
from glasscast.models.geo_gnn.distances import distinct_distances
from glasscast.models.geo_gnn.released import ReleasedGeoNetwork
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.networks.batch import GraphBatch, batch_graph
from glasscast.networks.normalisation import feature_norm
from glasscast.networks.segments import EdgeIndex, add_node_parts, sum_by_receiver
from glasscast.networks.triplets import Angles, triplet_convolution
from glasscast.structure.graphs import build_graph

#: Trainable numbers the paper reports for its settings (Supplementary Table III). The equations
#: leave open how deep the MLPs of eqs. 4 and 12 and of the read-out are, and which layers have
#: biases. This module has the same number with one layer in eq. 4, two in eq. 12, a read-out
#: 32-16-1, biases everywhere but on angles and triplet neighbours, and the product of matrices
#: W_theta^L W_theta (eqs. 5 and 6), which is again a matrix, kept as one per layer, and without the
#: normalisations (+384 as they are by default), of which the paper tells nothing. With two
#: layers in eq. 4 (+1056), a read-out 32-32-1 (+544) and both matrices (+2048) it is 33922.
PUBLISHED_PARAMETERS = 30274


class EdgeEmbedding(nn.Module):
    r"""Edge type and distance to features (eqs. 3 and 4).

    .. math:: e_{ij,k} = e^{-\beta (r_{ij} - \mu_k)^2}, \qquad
        h^0_{ij} = \sigma(W [z_{ij} \Vert e_{ij}] + b)

    The square is missing in the paper's printed Gaussian. Distances are symmetric, so Gaussians
    and their products are made once a pair; the type part is a table of species pairs.
    """

    def __init__(self, settings: GeoSettings, species: int) -> None:
        super().__init__()
        width, count = settings.hidden, settings.radial_functions
        self.species = species
        self.types = nn.Parameter(torch.randn(species**2, width))  # W_z
        self.gaussians = count > 1
        if self.gaussians:
            centres = torch.linspace(0, settings.radial_cutoff, count)
            self.register_buffer("centres", centres, persistent=False)
            # Neighbouring Gaussians cross at their standard deviation.
            self.beta = nn.Parameter(0.5 / (centres[1] - centres[0]) ** 2)
        self.mix = nn.Linear(width + count, width)

    def radial(self, distances: Tensor) -> Tensor:
        """Encode distances, one row a pair: (P,) -> (P, N_r)."""
        if not self.gaussians:
            return distances.unsqueeze(1)
        offsets = distances.unsqueeze(1) - self.get_buffer("centres").to(distances)
        return torch.exp(offsets.square_().mul(-self.beta))

    def forward(self, graph: GraphBatch, radial: Tensor, pairs: Tensor) -> Tensor:
        """Embed all edges: (E, F), from (P, N_r) and the pair of each edge (E,)."""
        width = self.types.shape[1]
        by_type, by_distance = torch.split(self.mix.weight, [width, radial.shape[1]], dim=1)
        receiver, sender = graph.types[graph.index.receivers], graph.types[graph.index.senders]
        table = linear(self.types, by_type, self.mix.bias)
        mixed = linear(radial, by_distance)[pairs] + table[receiver * self.species + sender]
        return silu(mixed)


class TripletLayer(nn.Module):
    r"""Angle-aware convolution from triplets to edges (eqs. 6 and 7).

    .. math:: h^L_{ij} = \sigma(W_{e'} [\sigma(W_{e''} h^{L-1}_{ij}) \Vert m^L_{ij}])
    """

    def __init__(self, width: int, functions: int) -> None:
        super().__init__()
        self.angle = nn.Parameter(torch.randn(functions, width) / functions**0.5)  # W_theta^L
        self.neighbour = nn.Linear(width, width, bias=False)  # W_e
        self.own = nn.Linear(width, width)  # W_e''
        self.mix = nn.Linear(2 * width, width)  # W_e'

    def forward(self, edges: Tensor, graph: GraphBatch, angles: str) -> Tensor:
        """Update the edges: (E, F) -> (E, F)."""
        incoming = self.neighbour(edges)
        if angles == "none":  # t_ijk is constant: everything sender j receives, less i's part
            others = sum_by_receiver(incoming, graph.index)[graph.index.senders]
            message = (others - incoming[graph.index.reverse]) * self.angle
        else:
            assert graph.triplets is not None
            kind: Angles = "linear" if angles == "linear" else "harmonics"
            message = triplet_convolution(incoming, self.angle, graph.triplets, graph.index, kind)
        # Done again in the backward pass: keeps nine arrays of E rows less (190 MB at cutoff 2.0).
        mixed: Tensor = checkpoint(
            self._mix, edges, message, use_reentrant=False, preserve_rng_state=False
        )
        return mixed

    def _mix(self, edges: Tensor, message: Tensor) -> Tensor:
        """Eq. 7."""
        by_own, by_message = self.mix.weight.chunk(2, dim=1)
        own = linear(silu(self.own(edges)), by_own, self.mix.bias)
        return silu(own + linear(message, by_message))


class AttentionAggregation(nn.Module):
    r"""Edges to nodes with weights that may be negative, then nodes to nodes (eqs. 8-12).

    .. math::
        h^0_i = \sum_j \tanh(W_\alpha e_{ij}) \odot W^0 h^0_{ij}

        h_i = \sigma\Big(\sum_j \tanh(W_{\alpha'} x_{ij}) \odot \sigma(W^1 x_{ij})\Big), \qquad
        x_{ij} = h^0_i \Vert h^L_{ij} \Vert h^0_j

        h_i^{out} = \sum_j \mathrm{MLP}(h_i \Vert h_i - h_j)

    Each sum into the nodes is normalised, unless the settings say otherwise: without that it takes
    many times as many steps to learn as much.
    """

    def __init__(self, width: int, radial: int, norm: str) -> None:
        super().__init__()
        self.norms = nn.ModuleList(feature_norm(width, norm) for _ in range(4))
        self.attend_radial = nn.Linear(radial, width)  # W_alpha
        self.value_radial = nn.Linear(width, width)  # W^0
        self.attend = nn.Linear(3 * width, width)  # W_alpha'
        self.value = nn.Linear(3 * width, width)  # W^1
        self.difference = nn.Linear(2 * width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, first: Tensor, last: Tensor, radial: Tensor, pairs: Tensor, graph: GraphBatch
    ) -> Tensor:
        """Aggregate h^0 and h^L (E, F) to nodes (N, F)."""
        index = graph.index
        attention = self.attend_radial(radial).tanh()[pairs]
        nodes = sum_by_receiver(attention * self.value_radial(first), index)
        nodes = self.norms[0](nodes, graph)
        attention = self._on_edges(self.attend, nodes, last, index).tanh()
        value = silu(self._on_edges(self.value, nodes, last, index))
        nodes = silu(self.norms[1](sum_by_receiver(attention * value, index), graph))
        by_self, by_difference = self.difference.weight.chunk(2, dim=1)
        receiver_part = linear(nodes, by_self + by_difference, self.difference.bias)
        hidden = add_node_parts(
            torch.zeros_like(last), receiver_part, -linear(nodes, by_difference), index
        )
        # The last layer is linear: apply it to the sum, once a node.
        degrees = index.offsets.diff().unsqueeze(1).to(nodes)
        summed = self.norms[2](sum_by_receiver(silu(hidden), index), graph)
        mixed = linear(summed, self.out.weight) + degrees * self.out.bias
        normalised: Tensor = self.norms[3](mixed, graph)
        return normalised

    @staticmethod
    def _on_edges(layer: nn.Linear, nodes: Tensor, edges: Tensor, index: EdgeIndex) -> Tensor:
        """Linear layer of [h_i, h_ij, h_j], node parts multiplied on the nodes."""
        by_receiver, by_edge, by_sender = layer.weight.chunk(3, dim=1)
        return add_node_parts(
            linear(edges, by_edge, layer.bias),
            linear(nodes, by_receiver),
            linear(nodes, by_sender),
            index,
        )


class SumAggregation(nn.Module):
    """Plain sum of the edges into each node and an MLP: the ablation without aggregation."""

    def __init__(self, width: int, norm: str) -> None:
        super().__init__()
        self.norm = feature_norm(width, norm)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(
        self, first: Tensor, last: Tensor, radial: Tensor, pairs: Tensor, graph: GraphBatch
    ) -> Tensor:
        """Aggregate h^L (E, F) to nodes (N, F)."""
        hidden = silu(self.first(self.norm(sum_by_receiver(last, graph.index), graph)))
        return linear(hidden, self.second.weight, self.second.bias)


class GeoNetwork(nn.Module):
    """Embedding, triplet layers, aggregation and a two-layer read-out at T times.

    Parameters
    ----------
    settings : of the model.
    species : number of species; edges have species**2 types.
    outputs : times T forecast at once.

    References
    ----------
    Jiang, Tian, Li, "Geometry-enhanced graph neural network for learning the smoothness of
    glassy dynamics from static structure" (2023), eqs. 3-12.
    """

    def __init__(self, settings: GeoSettings, species: int, outputs: int) -> None:
        super().__init__()
        width = settings.hidden
        self.angles, self.dropout = settings.angles, settings.dropout
        self.embed = EdgeEmbedding(settings, species)
        functions = {"harmonics": settings.angular_functions, "linear": 2, "none": 1}[self.angles]
        self.layers = nn.ModuleList(
            TripletLayer(width, functions) for _ in range(settings.triplet_layers)
        )
        self.aggregate: AttentionAggregation | SumAggregation
        if settings.aggregation == "attention":
            self.aggregate = AttentionAggregation(
                width, settings.radial_functions, settings.feature_norm
            )
        else:
            self.aggregate = SumAggregation(width, settings.feature_norm)
        half = max(1, width // 2)
        self.readout = nn.Sequential(nn.Linear(width, half), nn.SiLU(), nn.Linear(half, outputs))

    def forward(self, graph: GraphBatch) -> tuple[Tensor, None]:
        """Forecast all nodes: (N, T)."""
        distances, pairs = distinct_distances(graph)
        radial = self.embed.radial(distances)
        first = last = self.embed(graph, radial, pairs)
        for layer in self.layers:
            last = layer(last, graph, self.angles)
            last = dropout(last, self.dropout, self.training)
        nodes = self.aggregate(first, last, radial, pairs, graph)
        return self.readout(nodes), None


class GeoGnn(DeepModel):
    """Geo-GNN; see :class:`GeoNetwork` and :class:`ReleasedGeoNetwork`.

    Invariant under translation, rotation, reflection and permutation. It sees
    ``(triplet_layers + 3) * cutoff`` around a particle.
    """

    settings_class: ClassVar = GeoSettings
    settings: GeoSettings

    def read(self, configuration: Configuration) -> GraphBatch:
        """Join what is close in the structure; with angles, unless an ablation leaves them out."""
        settings = self.settings
        self.structure_of(configuration, settings.structure)
        graph = build_graph(configuration, settings.cutoff, settings.structure)
        angles = settings.triplet_layers > 0 and settings.angles != "none"
        return batch_graph(graph, triplets=angles)

    def build_network(self) -> GeoNetwork | ReleasedGeoNetwork:
        """Untrained network; a table of edge types covers species 0 to the highest seen."""
        form = ReleasedGeoNetwork if self.settings.form == "released" else GeoNetwork
        return form(self.settings, max(self.species_) + 1, len(self.times_))
