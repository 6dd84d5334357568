"""SE(3)-GNN: the convolution on nodes against products on edges and e3nn, and its limits."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.se3_gnn.model import Se3Network
from glasscast.models.se3_gnn.settings import Se3Settings
from glasscast.networks import tensor_convolution as module
from glasscast.networks.basis import bessel_functions, smooth_cutoff, spherical_harmonics
from glasscast.networks.batch import batch_graph
from glasscast.networks.tensor_convolution import (
    ConvolutionGeometry,
    tensor_convolution,
)
from glasscast.structure.graphs import build_graph
from tests.deep import CUTOFF, liquid, tiny
from tests.plain_equivariant import e3nn_product, plain_se3, plain_tensor_convolution


def random(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


def geometry_of(degree: int, count: int = 3) -> ConvolutionGeometry:
    graph = batch_graph(build_graph(liquid(1, 3), CUTOFF), dtype=torch.float64)
    radial = bessel_functions(graph.vectors.norm(dim=1), count, CUTOFF)
    return ConvolutionGeometry.build(
        radial, spherical_harmonics(-graph.vectors, degree), graph.index
    )


@pytest.mark.parametrize("block", [1, 2**19])
def test_convolution_on_nodes_equals_products_on_edges(block, monkeypatch):
    monkeypatch.setattr(module, "CPU_BLOCK", block)
    geometry = geometry_of(2)
    features, kernel = random(27, 2, 9, seed=1), random(2, 3 * 81, 9, seed=2)
    fast, plain = (
        f(features, kernel, geometry) for f in (tensor_convolution, plain_tensor_convolution)
    )
    torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-10)
    probe = random(27, 2, 9, seed=3).detach()
    got, want = (torch.autograd.grad((x * probe).sum(), [features, kernel]) for x in (fast, plain))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_gradcheck():
    geometry = geometry_of(1, 2)
    inputs = (random(27, 1, 4, seed=1), random(1, 2 * 16, 4, seed=2))
    assert gradcheck(lambda x, w: tensor_convolution(x, w, geometry), inputs, atol=1e-4)


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
def test_network_equals_its_e3nn_form(l_max):
    torch.manual_seed(0)
    settings = Se3Settings(
        l_max=l_max, channels=3, layers=2, radial_functions=4, cutoff=CUTOFF, radial_cutoff=CUTOFF
    )
    network = Se3Network(settings, 2, 3).double().eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    energies = np.sin(np.arange(64))
    graph = batch_graph(build_graph(liquid(1), CUTOFF), energies=energies, dtype=torch.float64)
    fast, plain = network(graph)[0], plain_se3(network, graph, e3nn_product(l_max))
    torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-10)
    parameters = list(network.parameters())
    got, want = (torch.autograd.grad(x.square().sum(), parameters) for x in (fast, plain))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10 * float(b.abs().max() + 1))


def test_radial_functions_fade_out_smoothly():
    r = torch.linspace(1.9, 2.1, 401, dtype=torch.float64)
    values = bessel_functions(r, 5, 2.0) * smooth_cutoff(r, 2.0).unsqueeze(1)
    assert values[r >= 2].abs().max() == 0
    for _ in range(3):  # value and two derivatives
        assert values[(r - 2).abs() < 0.002].abs().max() < 0.02 * values[0].abs().max()
        values = values.diff(dim=0)
        r = r[1:]


def trio(*around):
    """A particle and two neighbours at given vectors from it, in a large box."""
    positions = 5 + np.array([[0.0, 0, 0], *around])
    return Configuration(
        name="trio", positions=positions, types=np.zeros(3, dtype=np.int8), box=np.full(3, 20.0)
    )


def test_forecast_is_continuous_as_a_particle_leaves():
    model = tiny("se3-gnn").fit([liquid(1)])

    def forecast(distance):
        return model.predict(trio([1.0, 0, 0], [0, 0, distance])).values

    step = np.abs(forecast(CUTOFF - 1e-3) - forecast(CUTOFF + 1e-3)).max()
    assert step < 1e-3 * np.abs(forecast(1.0) - forecast(CUTOFF)).max()


def test_scalars_only_see_distances():
    """With l_max = 0 a configuration with the same distances around each node looks the same."""
    torch.manual_seed(0)
    network = Se3Network(
        Se3Settings(l_max=0, layers=1, cutoff=CUTOFF, radial_cutoff=CUTOFF, energy="none"),
        1,
        1,
    ).eval()
    centre = []
    for other in ([-1.0, 0, 0], [0, 1.0, 0]):
        graph = batch_graph(build_graph(trio([1.0, 0, 0], other), CUTOFF))
        with torch.no_grad():
            centre.append(network(graph)[0][0])
    torch.testing.assert_close(*centre)


def test_structure_and_energy_are_settings():
    big = liquid(1, side=6).with_fields(metadata={"liquid": "ka"})
    quenched = tiny("se3-gnn", structure="inherent", energy="inherent", training={"epochs": 1})
    quenched.fit([big])
    graph = quenched.read(big)
    assert graph.energies is not None
    assert quenched.network_.inputs.width == 3
    with pytest.raises(ModelError, match="no 'inherent' positions"):
        quenched.predict(big.with_fields(inherent=None))
    with pytest.raises(ValueError, match="must not exceed the cutoff"):
        Se3Settings(cutoff=1.5, radial_cutoff=2.0)
