"""The network of EIGNN: invariant message passing whose gates read directions of displacement."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from glasscast.models.eignn.inputs import input_numbers
from glasscast.models.eignn.settings import EignnSettings
from glasscast.models.equivariant import NodeInputs, own_outputs
from glasscast.networks.basis import (
    bessel_functions,
    coupling_paths,
    coupling_table,
    mixing_entries,
    spherical_harmonics,
)
from glasscast.networks.batch import GraphBatch
from glasscast.networks.gated_messages import gated_messages
from glasscast.networks.normalisation import FeatureNorm, TensorNorm
from glasscast.networks.segments import neighbour_counts, neighbour_mean
from glasscast.networks.tensor_messages import EdgeGeometry, tensor_messages


class TensorCoupling(nn.Module):
    r"""All products of two single-channel tensors, and a mix of them (eqs. 10, 11 and 13).

    .. math:: \Delta\tilde h^{(l_1, l_2) \to (l_3)} = \tilde h^{(l_1)} \otimes \tilde m^{(l_2)},
        \qquad \tilde h'^{(l)} = \sum_{(l_1, l_2)} w^{(l_1, l_2) \to (l)}
        \Delta\tilde h^{(l_1, l_2) \to (l)} \big/ \sqrt{P_l}

    with P_l the number of paths to l, as in e3nn's linear layer. As there is one channel, all
    products together are one matrix product with a table of coefficients.

    Parameters
    ----------
    degree : highest l.
    parity : only paths that conserve parity, see :func:`coupling_paths`.
    """

    def __init__(self, degree: int, parity: bool) -> None:
        super().__init__()
        paths = coupling_paths(degree, parity)
        self.scalars = sum(1 for path in paths if path[2] == 0)
        self.weight = nn.Parameter(torch.randn(len(paths)))
        self.register_buffer("table", coupling_table(degree, paths), persistent=False)
        self.register_buffer("entries", mixing_entries(paths), persistent=False)
        counts = torch.tensor([sum(p[2] == path[2] for p in paths) for path in paths])
        self.register_buffer("share", counts.double().rsqrt(), persistent=False)
        self.size = (degree + 1) ** 2

    def forward(self, tensors: Tensor, messages: Tensor) -> tuple[Tensor, Tensor]:
        """Couple (N, M) with (N, M): the mixed tensors (N, M) and the scalars (N, L + 1)."""
        outer = (tensors.unsqueeze(2) * messages.unsqueeze(1)).flatten(1)
        products = outer @ self.get_buffer("table").to(outer)
        column, component, path = self.get_buffer("entries").unbind(0)
        weights = (self.weight * self.get_buffer("share").to(self.weight))[path]
        mixing = weights.new_zeros(products.shape[1], self.size)
        mixing = mixing.index_put((column, component), weights)
        return products @ mixing, products[:, : self.scalars]


class EignnLayer(nn.Module):
    r"""Equivariant message passing, then invariant message passing behind gates (eqs. 7-20).

    .. math::
        \Delta h_i = W_3 [h_i \Vert \Delta m_i] + b_3, \qquad
        h'_i = \mathrm{norm}\Big(\Delta h_i + \langle \alpha_{ij} \odot
        \sigma(W_v \Delta h_j + b_v) \rangle_j\Big)

    See :func:`tensor_messages`, :class:`TensorCoupling` and :func:`gated_messages` for the rest.
    Sums over neighbours are means, as in the released network.

    Parameters
    ----------
    settings : of the model.
    invariants : number of invariants of an edge, K.
    last : leave the tensors as they are, since no layer reads them any more.
    """

    def __init__(self, settings: EignnSettings, invariants: int, last: bool) -> None:
        super().__init__()
        width, degrees = settings.hidden, settings.l_max + 1
        self.width, self.scalarisation = width, settings.scalarisation
        self.scalars = [degrees] * {"full": 2, "difference": 1, "none": 0}[settings.scalarisation]
        gated = sum(self.scalars)
        self.lift: nn.Linear | None = None
        if gated:
            self.lift = nn.Linear(2 * width + invariants, width)  # columns: receiver, sender, edge
            self.weigh = nn.Linear(width, degrees)
            self.couple = TensorCoupling(settings.l_max, settings.parity)
        self.merge = nn.Linear(width + (degrees if gated else 0), width)  # node, scalars
        self.gate = nn.Linear(invariants + gated, width)  # edge, alpha_0, alpha_1
        self.value = nn.Linear(width, width)
        self.norm = FeatureNorm(width, settings.feature_norm == "running")
        self.tensor_norm = TensorNorm(settings.l_max) if gated and not last else None

    def forward(
        self, features: Tensor, tensors: Tensor, graph: GraphBatch, geometry: EdgeGeometry
    ) -> tuple[Tensor, Tensor]:
        """Update features (N, F) and tensors (N, M)."""
        weights, scalars = None, None
        if self.lift is not None:
            weights, messages = self._lift(self.lift, features, geometry)
            tensors, scalars = self.couple(tensors, messages)
        joined = features if scalars is None else torch.cat([features, scalars], 1)
        features = self.merge(joined)
        invariants = geometry.invariants.shape[1] - 1
        by_edge, *by_scalars = torch.split(self.gate.weight, [invariants, *self.scalars], dim=1)
        received = gated_messages(
            weights if self.scalarisation == "full" else None,
            tensors if by_scalars else None,
            silu(self.value(features)),
            torch.cat([by_edge, self.gate.bias.unsqueeze(1)], 1),
            by_scalars[0] if self.scalarisation == "full" else None,
            by_scalars[-1] if by_scalars else None,
            geometry,
        )
        received = received / neighbour_counts(graph.index, geometry.invariants)
        features = self.norm(features + received, graph)
        if self.tensor_norm is not None:
            tensors = self.tensor_norm(tensors, graph)
        return features, tensors

    def _lift(
        self, lift: nn.Linear, features: Tensor, geometry: EdgeGeometry
    ) -> tuple[Tensor, Tensor]:
        """Weights on the edges (E, L + 1) and mean tensor messages (N, M)."""
        invariants = geometry.invariants.shape[1] - 1
        by_receiver, by_sender, by_edge = torch.split(
            lift.weight, [self.width, self.width, invariants], dim=1
        )
        weights, sums = tensor_messages(
            linear(features, by_receiver),
            linear(features, by_sender),
            torch.cat([by_edge, lift.bias.unsqueeze(1)], 1),
            self.weigh.weight,
            self.weigh.bias,
            geometry,
        )
        return weights, sums / neighbour_counts(geometry.index, geometry.invariants)


class EignnNetwork(nn.Module):
    r"""Encoder, interaction layers and subgraph read-out at T times, with a head a species.

    Node features start from species, energy and length of the displacement (eq. 2), node tensors
    from the harmonics of its direction (eq. 3). Edges carry Bessel functions of the distance in
    both structures (eqs. 4-6) and the change of the distance. The read-out (eq. 21) is

    .. math:: h_i = \langle W [g_i \Vert g_j - g_i] + b \rangle_j, \qquad
        g = \sigma(W' [h^0 \Vert h^{N_L}] + b')

    and two layers with batch normalisation between. Where the released network departs from the
    equations of the paper, those of :mod:`glasscast.models.eignn.printed`, it is followed: means
    for sums, SiLU for the sigmoid on the weights of harmonics, alpha_0 from the sender's tensor,
    h^0 in the read-out. It also couples (1, 1, 1) and the like, which conserves rotations but not
    reflections: see the setting ``parity``.

    Parameters
    ----------
    settings : of the model.
    species : S, heads; nodes are of species 0..S-1.
    outputs : times T forecast at once.

    References
    ----------
    Jiang, Tian, Li, Hu, "Enhancing the prediction of glass dynamics by incorporating the
    direction of deviation from equilibrium positions", arXiv 2407.06111 (2024).
    """

    def __init__(self, settings: EignnSettings, species: int, outputs: int) -> None:
        super().__init__()
        width = settings.hidden
        self.settings, self.outputs = settings, outputs
        self.inputs = NodeInputs(species, 1 if settings.energy == "none" else 2)
        self.embed = nn.Linear(self.inputs.width, width)
        invariants = 1 + 2 * settings.radial_functions
        self.layers = nn.ModuleList(
            EignnLayer(settings, invariants, number == settings.layers - 1)
            for number in range(settings.layers)
        )
        self.combine = nn.Linear(2 * width, width)
        self.readout = nn.Linear(2 * width, width)  # node, difference
        self.hidden = nn.Linear(width, width, bias=False)
        self.norm = FeatureNorm(width, running=True)
        self.heads = nn.Linear(width, species * outputs, bias=False)

    def forward(self, graph: GraphBatch) -> tuple[Tensor, None]:
        """Forecast all nodes: (N, T)."""
        assert graph.displacements is not None
        geometry = self.edge_geometry(graph)
        tensors = spherical_harmonics(graph.displacements, self.settings.l_max)
        first = features = self.embed(self.inputs(graph.types, input_numbers(graph)))
        for layer in self.layers:
            features, tensors = layer(features, tensors, graph, geometry)
        return self.decode(first, features, graph), None

    def edge_geometry(self, graph: GraphBatch) -> EdgeGeometry:
        """Prepare what all layers read of the edges."""
        assert graph.equilibrium_distances is not None
        count, cutoff = self.settings.radial_functions, self.settings.radial_cutoff
        now, later = graph.vectors.norm(dim=1), graph.equilibrium_distances
        invariants = [(later - now).unsqueeze(1)]
        invariants += [bessel_functions(distances, count, cutoff) for distances in (later, now)]
        degree = self.settings.l_max
        harmonics = spherical_harmonics(-graph.vectors, degree)  # r_receiver - r_sender
        return EdgeGeometry.build(torch.cat(invariants, 1), harmonics, graph.index, degree)

    def decode(self, first: Tensor, last: Tensor, graph: GraphBatch) -> Tensor:
        """Read out (N, F) and (N, F): (N, T), each node by the head of its species."""
        nodes = silu(self.combine(torch.cat([first, last], 1)))
        by_self, by_difference = self.readout.weight.chunk(2, dim=1)
        # The layer is linear, so its mean over neighbours is the layer on the mean.
        around = linear(neighbour_mean(nodes, graph.index), by_difference)
        around = around + linear(nodes, by_self - by_difference, self.readout.bias)
        nodes = around * (graph.index.offsets.diff() > 0).unsqueeze(1)
        nodes = self.norm(self.hidden(nodes), graph).relu()
        return own_outputs(self.heads(nodes), graph.types, self.outputs)
