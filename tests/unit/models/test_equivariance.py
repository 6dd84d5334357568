"""Tensors turn with space, invariants do not: every layer and the whole networks, parity included.

Tolerances are those of single and double precision over some hundred operations.
"""

import numpy as np
import pytest
import torch
from e3nn import o3

from glasscast.models.eignn.network import EignnNetwork, TensorCoupling
from glasscast.models.eignn.settings import EignnSettings
from glasscast.models.se3_gnn.model import ConvolutionLayer, Se3Network
from glasscast.models.se3_gnn.settings import Se3Settings
from glasscast.networks.basis import (
    coupling_paths,
    spherical_harmonics,
    wigner_3j,
)
from glasscast.networks.batch import GraphBatch, batch_graph
from glasscast.networks.gated_messages import gated_messages
from glasscast.networks.normalisation import TensorNorm
from glasscast.networks.tensor_convolution import ConvolutionGeometry
from glasscast.networks.tensor_messages import tensor_messages
from glasscast.structure.graphs import build_union_graph
from tests.deep import CUTOFF, cluster
from tests.plain_equivariant import irreps

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture(params=TOLERANCE, ids=str)
def dtype(request):
    return request.param


def turn(seed: int, reflect: bool) -> torch.Tensor:
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    matrix *= np.linalg.det(matrix)  # a rotation
    return torch.from_numpy(-matrix if reflect else matrix)


def graph_of(matrix: torch.Tensor, dtype: torch.dtype) -> GraphBatch:
    """A cluster turned by an orthogonal matrix, its edges found anew."""
    start = cluster(3)
    fields = {
        key: (getattr(start, key) - 20) @ matrix.numpy().T + 20 for key in ("positions", "cage")
    }
    moved = start.with_fields(**fields)
    energies = np.cos(np.arange(start.size))
    return batch_graph(build_union_graph(moved, CUTOFF, "cage"), energies=energies, dtype=dtype)


def in_space(matrix: torch.Tensor, tensors: torch.Tensor, degree: int) -> torch.Tensor:
    """Tensors after the transformation, which does to them what it does to harmonics of e3nn."""
    harmonics = o3.SphericalHarmonics(irreps(degree, True), True, "component")
    vectors = random(60, 3, seed=9)
    wigner = torch.linalg.lstsq(harmonics(vectors), harmonics(vectors @ matrix.T)).solution
    return (tensors.double() @ wigner).to(tensors)


def assert_equivariant(function, dtype, *, reflect=True, degree=3):
    """function(graph, dtype) -> (invariants, tensors), either may be None."""
    here = function(graph_of(torch.eye(3, dtype=torch.float64), dtype))
    for seed, mirror in ((1, False), (2, reflect)):
        matrix = turn(seed, mirror)
        there = function(graph_of(matrix, dtype))
        for kind, (a, b) in enumerate(zip(here, there, strict=True)):
            if a is None:
                continue
            expected = a if kind == 0 else in_space(matrix, a, degree)
            scale = float(expected.detach().abs().max())
            torch.testing.assert_close(b, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def random(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def test_harmonics_and_couplings_are_those_of_e3nn():
    vectors = random(50, 3)
    for degree in range(4):
        expected = o3.spherical_harmonics(list(range(degree + 1)), vectors, True, "component")
        torch.testing.assert_close(spherical_harmonics(vectors, degree), expected)
    for path in coupling_paths(3, parity=False):
        expected = o3.wigner_3j(*path, dtype=torch.float64)
        torch.testing.assert_close(torch.from_numpy(wigner_3j(*path)), expected)
    assert torch.equal(spherical_harmonics(torch.zeros(1, 3), 3)[0, 1:], torch.zeros(15))


def test_harmonics_turn_with_their_vectors(dtype):
    assert_equivariant(lambda g: (None, spherical_harmonics(g.vectors[:9], 3)), dtype)


def network(dtype, **settings):
    torch.manual_seed(0)
    options = {"hidden": 8, "layers": 3, "l_max": 3, "radial_functions": 4} | settings
    made = EignnNetwork(EignnSettings(name="eignn", structure="cage", **options), 2, 2)
    for parameter in made.parameters():  # nothing may hide behind a start at 0 or 1
        parameter.data += 0.1 * random(*parameter.shape, dtype=parameter.dtype)
    return made.to(dtype).eval()


def parts_of(graph, dtype):
    """Node features, node tensors and geometry as a layer meets them."""
    return (
        random(graph.size, 8, dtype=dtype),
        spherical_harmonics(graph.displacements, 3),
        network(dtype).edge_geometry(graph),
    )


def test_messages_turn_and_gates_do_not(dtype):
    weights = [random(8, 10, seed=1), random(4, 8, seed=2), random(4, seed=3)]
    first, second, bias = (w.to(dtype) for w in weights)
    gate, projection, difference = (random(8, n, seed=n, dtype=dtype) for n in (10, 4, 4))

    def both(graph):
        features, tensors, geometry = parts_of(graph, dtype)
        on_edges, sums = tensor_messages(features, features, first, second, bias, geometry)
        received = gated_messages(
            on_edges, tensors, features, gate, projection, difference, geometry
        )
        return received, sums

    assert_equivariant(both, dtype)


@pytest.mark.parametrize("parity", [True, False])
def test_coupling_turns(dtype, parity):
    torch.manual_seed(1)
    coupling = TensorCoupling(3, parity).to(dtype)

    def couple(graph):
        nodes = graph.index.offsets[:-1]
        mixed, scalars = coupling(
            spherical_harmonics(graph.displacements, 3),
            spherical_harmonics(graph.vectors[nodes], 3),
        )
        return scalars, mixed

    assert_equivariant(couple, dtype, reflect=parity)


def test_coupling_without_parity_breaks_reflections_only():
    """The cross product of two vectors is a vector under rotations, not in a mirror."""
    coupling = TensorCoupling(3, parity=False).double()
    a, b, mirror = random(5, 3), random(5, 3, seed=1), turn(2, True)
    here, there = (
        coupling(spherical_harmonics(x, 3), spherical_harmonics(y, 3))[0]
        for x, y in ((a, b), (a @ mirror.T, b @ mirror.T))
    )
    assert not torch.allclose(there, in_space(mirror, here, 3), atol=1e-3)


@pytest.mark.parametrize("training", [True, False])
def test_tensor_norm_turns(dtype, training):
    norm = TensorNorm(3).to(dtype).train(training)
    norm.weight.data += 0.3 * random(4, dtype=dtype)
    norm.running_var += 0.5
    assert_equivariant(
        lambda g: (None, norm(2 * spherical_harmonics(g.displacements, 3), g)), dtype
    )


def test_each_layer_turns(dtype):
    layer = network(dtype).layers[0]

    def apply(graph):
        features, tensors, geometry = parts_of(graph, dtype)
        return layer(features, tensors, graph, geometry)

    assert_equivariant(apply, dtype)


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
@pytest.mark.parametrize("scalarisation", ["full", "difference", "none"])
def test_eignn_is_invariant(dtype, l_max, scalarisation):
    made = network(dtype, l_max=l_max, scalarisation=scalarisation)
    assert_equivariant(lambda g: (made(g)[0], None), dtype)


def test_released_couplings_are_invariant_under_rotations_only():
    made = network(torch.float64, parity=False)
    assert_equivariant(lambda g: (made(g)[0], None), torch.float64, reflect=False)
    with pytest.raises(AssertionError, match="not close"):
        assert_equivariant(lambda g: (made(g)[0], None), torch.float64, reflect=True)


def se3_settings(l_max: int) -> Se3Settings:
    return Se3Settings(
        channels=3, layers=3, l_max=l_max, radial_functions=4, cutoff=CUTOFF, radial_cutoff=CUTOFF
    )


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
def test_se3_gnn_is_invariant(dtype, l_max):
    torch.manual_seed(0)
    made = Se3Network(se3_settings(l_max), 2, 2).to(dtype).eval()
    assert_equivariant(lambda g: (made(g)[0], None), dtype)


@pytest.mark.parametrize("training", [True, False])
def test_convolution_layer_turns(dtype, training):
    torch.manual_seed(0)
    layer = ConvolutionLayer(se3_settings(3), last=False).to(dtype).train(training)

    def apply(graph):
        harmonics = spherical_harmonics(graph.vectors, 3)
        radial = graph.vectors.norm(dim=1, keepdim=True) ** torch.arange(4)
        geometry = ConvolutionGeometry.build(radial.to(dtype), harmonics, graph.index)
        tensors = spherical_harmonics(graph.displacements, 3)
        channels = torch.stack([tensors, -2 * tensors, 0.5 * tensors], 1)
        result = layer(channels, graph, geometry)
        return None, result.flatten(0, 1)

    assert_equivariant(apply, dtype)


class Swapped(torch.nn.Module):
    """Exchanges two components: the mistake of another axis order."""

    def forward(self, tensors, graph):
        return tensors[:, [0, 2, 1, *range(3, 16)]]


class PerComponent(torch.nn.Module):
    """Scales every component by its own variance: batch normalisation as for plain features."""

    def forward(self, tensors, graph):
        return tensors / tensors.std(0)


@pytest.mark.parametrize("broken", [Swapped, PerComponent])
def test_a_broken_layer_is_caught(broken):
    made = network(torch.float64)
    made.layers[0].tensor_norm = broken()
    with pytest.raises(AssertionError, match="not close"):
        assert_equivariant(lambda g: (made(g)[0], None), torch.float64)


def test_network_reads_the_direction_of_the_displacement():
    """Turning displacements alone changes the forecast, but not that of variant B."""
    graph = graph_of(torch.eye(3, dtype=torch.float64), torch.float64)
    turned = GraphBatch(**{**vars(graph), "displacements": graph.displacements @ turn(5, False).T})
    for scalarisation, same in (("full", False), ("difference", False), ("none", True)):
        made = network(torch.float64, scalarisation=scalarisation)
        assert torch.allclose(made(graph)[0], made(turned)[0], rtol=1e-6) == same
