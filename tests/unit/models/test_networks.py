"""Whole networks equal their plain forms, forward and gradient, in float64."""

import pytest
import torch

from glasscast.models.botan.network import BotanNetwork
from glasscast.models.botan.settings import BotanSettings, NodeTargetingSettings
from glasscast.models.geo_gnn.model import GeoNetwork
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.networks.batch import batch_graph
from glasscast.structure.graphs import build_graph
from tests.deep import CUTOFF, liquid
from tests.plain import angles_of, plain_botan, plain_geo, triplets


def assert_same_network(network, fast, plain):
    torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-10)
    wanted = torch.autograd.grad(plain.square().sum(), list(network.parameters()))
    got = torch.autograd.grad(fast.square().sum(), list(network.parameters()))
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10 * float(b.abs().max() + 1))


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("settings", [BotanSettings, NodeTargetingSettings])
def test_interaction_network(settings, dimension):
    torch.manual_seed(0)
    options = settings(hidden=8, rounds=3)
    network = BotanNetwork(options, dimension, 2).double()
    snapshot = liquid(1, dimension=dimension)
    graph = batch_graph(
        build_graph(snapshot, CUTOFF), self_edges=options.self_edges, dtype=torch.float64
    )
    fast, plain = (
        torch.cat([part for part in outputs if part is not None])
        for outputs in (network(graph), plain_botan(network, graph))
    )
    assert_same_network(network, fast, plain)


@pytest.mark.parametrize(("layers", "dimension"), [(0, 3), (1, 3), (3, 3), (3, 2)])
def test_geo_network(layers, dimension):
    torch.manual_seed(0)
    settings = GeoSettings(hidden=8, triplet_layers=layers, feature_norm="none")
    network = GeoNetwork(settings, 2, 2).double()
    snapshot = liquid(1, dimension=dimension)
    graph = batch_graph(build_graph(snapshot, CUTOFF), triplets=True, dtype=torch.float64)
    first, second = triplets(graph.index)
    cosines = angles_of(graph.vectors, first, second)
    plain = plain_geo(network, graph, first, cosines, second)
    assert_same_network(network, network(graph)[0], plain)
