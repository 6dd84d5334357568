"""SE(3)-GNN: convolutions of spherical tensors; equivariant under rotation and reflection."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from glasscast.datasets.configuration import Configuration
from glasscast.models.equivariant import EquivariantModel, NodeInputs, own_outputs
from glasscast.models.se3_gnn.settings import Se3Settings
from glasscast.networks.basis import (
    bessel_functions,
    coupling_paths,
    coupling_table,
    degree_of_components,
    smooth_cutoff,
    spherical_harmonics,
)
from glasscast.networks.batch import GraphBatch, batch_graph
from glasscast.networks.normalisation import TensorNorm
from glasscast.networks.tensor_convolution import ConvolutionGeometry, tensor_convolution
from glasscast.structure.graphs import build_graph


class DegreeLinear(nn.Module):
    r"""Mix of the channels of each degree.

    .. math:: x'^{(l)}_c = C^{-1/2} \sum_{c'} W^l_{c c'} x^{(l)}_{c'}
    """

    def __init__(self, degree: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(degree + 1, outputs, inputs) / inputs**0.5)
        degree_of = degree_of_components(degree).argmax(0)
        self.register_buffer("degree_of", degree_of, persistent=False)

    def forward(self, tensors: Tensor) -> Tensor:
        """Mix (N, C, M): (N, C', M)."""
        weight = self.weight[self.get_buffer("degree_of")]  # (M, C', C)
        return torch.bmm(tensors.permute(2, 0, 1), weight.transpose(1, 2)).permute(1, 2, 0)


class ConvolutionLayer(nn.Module):
    r"""Convolution, mix of channels, normalisation, gate, and the input added back.

    .. math:: h'_i = h_i + \mathrm{gate}\Big(\mathrm{norm}\Big(W_1 \sum_j R(r_{ij})\,
        [h_j \otimes Y(\hat r_{ij})] + W_2 h_i\Big)\Big)

    with one radial function R a path and channel, a sum of Bessel functions. The gate is SiLU on
    scalars; tensors of l > 0 are multiplied by the sigmoid of scalars of their own.

    Parameters
    ----------
    settings : of the model.
    last : update scalars only, since no layer reads the tensors any more.
    """

    def __init__(self, settings: Se3Settings, last: bool) -> None:
        super().__init__()
        degree, channels = settings.l_max, settings.channels
        paths = coupling_paths(degree, parity=True)
        size, count = (degree + 1) ** 2, settings.radial_functions
        # Coefficients (path, harmonic, feature, result); each result is fed by its paths equally.
        coefficients = torch.zeros(len(paths), size, size, size, dtype=torch.float64)
        for number, path in enumerate(paths):
            l3 = path[2]
            share = sum(other[2] == l3 for other in paths) ** -0.5
            table = coupling_table(degree, [path]).view(size, size, -1)
            coefficients[number, :, :, l3**2 : (l3 + 1) ** 2] = share * table.transpose(0, 1)
        self.register_buffer("coefficients", coefficients, persistent=False)
        self.radial = nn.Parameter(torch.randn(len(paths), count, channels) / count**0.5)
        self.channels = channels
        self.neighbours = DegreeLinear(degree, channels, channels)
        self.own = DegreeLinear(degree, channels, channels)
        self.norm = TensorNorm(degree, channels)
        self.gate = nn.Linear(channels, degree * channels) if degree and not last else None
        self.register_buffer("degrees", degree_of_components(degree), persistent=False)

    def forward(self, features: Tensor, graph: GraphBatch, geometry: ConvolutionGeometry) -> Tensor:
        """Update (N, C, M)."""
        coefficients = self.get_buffer("coefficients").to(features)
        kernel = torch.einsum("pkc,pbam->ckbam", self.radial, coefficients)
        received = tensor_convolution(features, kernel.flatten(1, 3), geometry)
        mixed = self.norm(self.neighbours(received) + self.own(features), graph)
        scalars = mixed[..., 0]
        update = silu(scalars).unsqueeze(2)
        if self.gate is None:
            return features + pad(update, (0, features.shape[2] - 1))
        gates = self.gate(scalars).sigmoid().view(len(mixed), self.channels, -1)
        spread = gates @ self.get_buffer("degrees")[1:, 1:].to(gates)
        return features + torch.cat([update, mixed[..., 1:] * spread], 2)


class Se3Network(nn.Module):
    """Embedding of the particle, convolution layers, and a linear head a species at T times.

    The heads read the scalars of all layers, the embedding included. Radial functions fade
    smoothly to zero at the cutoff, so a forecast changes continuously as particles come and go;
    scalars and tensors have the natural parity (-1)^l. The published text leaves the numbers open:
    channels, layers and heads follow what is known of the authors' network (6 channels, tensor
    products on edges with learned radial functions, energy as input, all times at once).

    Parameters
    ----------
    settings : of the model.
    species : S, heads; nodes are of species 0..S-1.
    outputs : times T forecast at once.

    References
    ----------
    Pezzicoli, Charpiat, Landes, SciPost Phys. 16, 136 (2024).
    """

    def __init__(self, settings: Se3Settings, species: int, outputs: int) -> None:
        super().__init__()
        self.settings, self.outputs = settings, outputs
        self.inputs = NodeInputs(species, 0 if settings.energy == "none" else 1)
        self.embed = nn.Linear(self.inputs.width, settings.channels)
        self.layers = nn.ModuleList(
            ConvolutionLayer(settings, number == settings.layers - 1)
            for number in range(settings.layers)
        )
        scalars = (settings.layers + 1) * settings.channels
        self.heads = nn.Linear(scalars, species * outputs)

    def forward(self, graph: GraphBatch) -> tuple[Tensor, None]:
        """Forecast all nodes: (N, T)."""
        settings = self.settings
        degree, cutoff = settings.l_max, settings.radial_cutoff
        distances = graph.vectors.norm(dim=1)
        radial = bessel_functions(distances, settings.radial_functions, cutoff)
        radial = radial * smooth_cutoff(distances, cutoff).unsqueeze(1)
        harmonics = spherical_harmonics(-graph.vectors, degree)
        geometry = ConvolutionGeometry.build(radial, harmonics, graph.index)
        scalars = self.embed(self.inputs(graph.types, input_numbers(graph)))
        features = pad(scalars.unsqueeze(2), (0, (degree + 1) ** 2 - 1))
        seen = [scalars]
        for layer in self.layers:
            features = layer(features, graph, geometry)
            seen.append(features[..., 0])
        return own_outputs(self.heads(torch.cat(seen, 1)), graph.types, self.outputs), None


def input_numbers(graph: GraphBatch) -> Tensor:
    """Energy of each node, if read: (N, 1 or 0)."""
    if graph.energies is None:
        return graph.vectors.new_zeros(graph.size, 0)
    return graph.energies.unsqueeze(1)


class Se3Gnn(EquivariantModel):
    """SE(3)-GNN; see :class:`Se3Network`.

    Invariant under translation, rotation, reflection and permutation. It sees
    ``layers * radial_cutoff`` around a particle.
    """

    settings_class: ClassVar = Se3Settings
    settings: Se3Settings

    def read(self, configuration: Configuration) -> GraphBatch:
        """Join what is close in the structure; with energies, if read."""
        settings = self.settings
        self.structure_of(configuration, settings.structure)
        graph = build_graph(configuration, settings.cutoff, settings.structure)
        return batch_graph(graph, energies=self.energies(configuration))

    def input_numbers(self, graph: GraphBatch) -> Tensor:
        """Energy, if read."""
        return input_numbers(graph)

    def build_network(self) -> Se3Network:
        """Untrained network with heads for species 0 to the highest seen."""
        return Se3Network(self.settings, max(self.species_) + 1, len(self.times_))
