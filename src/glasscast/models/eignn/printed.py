"""EIGNN as its paper prints it, equation by equation; the released network is another one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from glasscast.models.eignn.inputs import input_numbers
from glasscast.models.eignn.settings import EignnSettings
from glasscast.models.equivariant import NodeInputs
from glasscast.networks.basis import (
    bessel_functions,
    coupling_paths,
    coupling_table,
    degree_of_components,
    mixing_entries,
    smooth_cutoff,
    spherical_harmonics,
)
from glasscast.networks.batch import GraphBatch
from glasscast.networks.normalisation import FeatureNorm, configuration_mean
from glasscast.networks.segments import sum_by_receiver

_EPSILON = 1e-5  # of a mean square that divides


def perceptron(*widths: int) -> nn.Sequential:
    """Linear layers with SiLU between; the paper does not print what its MLPs are."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class PrintedCoupling(nn.Module):
    r"""All Clebsch-Gordan products of two single-channel tensors below a degree (eqs. 10-13).

    .. math:: \Delta\tilde h^{(l_1, l_2) \to (l_3)} = \tilde m^{(l_1)} \otimes \tilde h^{(l_2)},
        \quad l_3 < l_{max}, \qquad
        \tilde h'^{(l)} = \sum_{(l_1, l_2)} w^{(l_1, l_2) \to (l)}
        \Delta\tilde h^{(l_1, l_2) \to (l)}

    All paths couple, those that do not conserve reflections among them. As l_3 stays below
    l_max, tensors of degree l_max end with the first layer.

    Parameters
    ----------
    degree : l_max.
    """

    def __init__(self, degree: int) -> None:
        super().__init__()
        paths = [p for p in coupling_paths(degree, False) if p[2] < max(1, degree)]
        self.scalars, self.size = degree + 1, (degree + 1) ** 2
        self.weight = nn.Parameter(torch.randn(len(paths)) / len(paths) ** 0.5)
        self.register_buffer("table", coupling_table(degree, paths), persistent=False)
        self.register_buffer("entries", mixing_entries(paths), persistent=False)

    def forward(self, messages: Tensor, tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Couple (N, M) with (N, M): the mixed tensors (N, M) and the scalars (N, L + 1)."""
        outer = (messages.unsqueeze(2) * tensors.unsqueeze(1)).flatten(1)
        products = outer @ self.get_buffer("table").to(outer)
        column, component, path = self.get_buffer("entries").unbind(0)
        mixing = products.new_zeros(products.shape[1], self.size)
        mixing = mixing.index_put((column, component), self.weight[path].to(products))
        return products @ mixing, products[:, : self.scalars]


class PrintedTensorNorm(nn.Module):
    r"""Tensors over the root mean square of their degree (eq. 20).

    .. math:: \tilde h'^{(l)} = \gamma^{(l)} \tilde h^{(l)} \sqrt{2l + 1} \Big/
        \sqrt{E[\Vert \tilde h^{(l)} \Vert^2]}
    """

    def __init__(self, degree: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(degree + 1))
        self.register_buffer("degrees", degree_of_components(degree), persistent=False)

    def forward(self, tensors: Tensor, graph: GraphBatch) -> Tensor:
        """Normalise (N, M) by the numbers of each configuration."""
        degrees = self.get_buffer("degrees").to(tensors)
        square = configuration_mean(tensors.square() @ degrees.T / degrees.sum(1), graph)
        scale = (self.weight * (square + _EPSILON).rsqrt()) @ degrees
        return tensors * scale[graph.owners]


class PrintedEignnLayer(nn.Module):
    r"""One interaction layer (eqs. 7 to 20).

    .. math::
        \tilde m_i^{(l)} = \sum_j \mathrm{sigmoid}(\mathrm{MLP}^l [h_i \Vert e_{ij} \Vert h_j])
        \, \tilde Y^{(l)}(\hat r_{ij}), \qquad
        \Delta h_i = \mathrm{MLP}[\Delta m_i \Vert h_i]

        \alpha^0_{ij} = \tilde h_i \otimes \tilde m_{ij}, \quad
        \alpha^1_{ij} = (\tilde h_i - \tilde h_j) \otimes (\tilde h_i - \tilde h_j), \quad
        \alpha_{ij} = \mathrm{MLP}[\alpha^0 \Vert \alpha^1 \Vert e]

        h'_i = \Delta h_i + \sum_j \alpha_{ij} \odot \mathrm{MLP}(\Delta h_j)

    with the scalar parts of the products in the second line, and both kinds of features
    normalised after.
    """

    def __init__(self, settings: EignnSettings, invariants: int) -> None:
        super().__init__()
        width, degrees = settings.hidden, settings.l_max + 1
        self.scalarisation = settings.scalarisation
        gated = degrees * {"full": 2, "difference": 1, "none": 0}[settings.scalarisation]
        self.weigh: nn.Sequential | None = None
        if gated:
            self.weigh = perceptron(2 * width + invariants, width, degrees)
            self.couple = PrintedCoupling(settings.l_max)
            self.tensor_norm = PrintedTensorNorm(settings.l_max)
        self.merge = perceptron((degrees if gated else 0) + width, width, width)
        self.gate = perceptron(gated + invariants, width, width)
        self.value = perceptron(width, width, width)
        self.norm = FeatureNorm(width, settings.feature_norm == "running")

    def forward(
        self, features: Tensor, tensors: Tensor, invariants: Tensor, harmonics: Tensor,
        graph: GraphBatch,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Update features (N, F) and tensors (N, M).

        Parameters
        ----------
        invariants, harmonics : (E, K) and (E, M) of the edges.
        """
        i, j = graph.index.receivers, graph.index.senders
        joined, read = [features], [invariants]
        if self.weigh is not None:
            seen = torch.cat([features[i], invariants, features[j]], 1)
            degrees = self.tensor_norm.get_buffer("degrees").to(features)
            messages = (self.weigh(seen).sigmoid() @ degrees) * harmonics
            tensors, scalars = self.couple(sum_by_receiver(messages, graph.index), tensors)
            joined, roots = [scalars, features], degrees.sum(1).sqrt()
            apart = tensors[i] - tensors[j]
            read = [(apart * apart) @ degrees.T / roots, invariants]
            if self.scalarisation == "full":
                read = [(tensors[i] * messages) @ degrees.T / roots, *read]
        update = self.merge(torch.cat(joined, 1))
        gates = self.gate(torch.cat(read, 1))
        received = sum_by_receiver(gates * self.value(update)[j], graph.index)
        features = self.norm(update + received, graph)
        if self.weigh is not None:
            tensors = self.tensor_norm(tensors, graph)
        return features, tensors


class PrintedEignnNetwork(nn.Module):
    r"""The network of eqs. 2 to 21 at T times, one head for all species.

    Edges carry Bessel functions with a polynomial envelope of the two distances, and no scalar of
    the displacement; the read-out (eq. 21) sums over neighbours and does not look back to h^0:

    .. math:: h_i^{out} = \sum_j \mathrm{MLP}(h_i \Vert (h_i - h_j))

    Parameters
    ----------
    settings : of the model.
    species : S; nodes are of species 0..S-1.
    outputs : times T forecast at once.

    References
    ----------
    Jiang, Tian, Li, Hu, arXiv 2407.06111 (2024).
    """

    def __init__(self, settings: EignnSettings, species: int, outputs: int) -> None:
        super().__init__()
        width = settings.hidden
        self.settings = settings
        self.inputs = NodeInputs(species, 1 if settings.energy == "none" else 2)
        self.embed = nn.Linear(self.inputs.width, width)
        invariants = 2 * settings.radial_functions
        self.layers = nn.ModuleList(
            PrintedEignnLayer(settings, invariants) for _ in range(settings.layers)
        )
        self.around = perceptron(2 * width, width, width)
        self.readout = perceptron(width, width, outputs)

    def forward(self, graph: GraphBatch) -> tuple[Tensor, None]:
        """Forecast all nodes: (N, T)."""
        assert graph.displacements is not None
        assert graph.equilibrium_distances is not None
        settings = self.settings
        distances = graph.equilibrium_distances, graph.vectors.norm(dim=1)
        invariants = torch.cat([self._radial(r) for r in distances], 1)
        harmonics = spherical_harmonics(-graph.vectors, settings.l_max)  # r_receiver - r_sender
        tensors = spherical_harmonics(graph.displacements, settings.l_max)
        features = self.embed(self.inputs(graph.types, input_numbers(graph)))
        for layer in self.layers:
            features, tensors = layer(features, tensors, invariants, harmonics, graph)
        i, j = graph.index.receivers, graph.index.senders
        seen = torch.cat([features[i], features[i] - features[j]], 1)
        return self.readout(sum_by_receiver(self.around(seen), graph.index)), None

    def _radial(self, distances: Tensor) -> Tensor:
        """Eq. 6 times the envelope: (E,) -> (E, N_b)."""
        cutoff = self.settings.radial_cutoff
        functions = bessel_functions(distances, self.settings.radial_functions, cutoff)
        return functions * smooth_cutoff(distances, cutoff).unsqueeze(1)
