"""Geo-GNN: its symmetries in single and double precision, its ablations, its size."""

import numpy as np
import pytest
import torch

from glasscast.datasets.configuration import Configuration
from glasscast.models.geo_gnn.distances import distinct_distances
from glasscast.models.geo_gnn.model import PUBLISHED_PARAMETERS, GeoNetwork
from glasscast.models.geo_gnn.released import RELEASED_PARAMETERS, ReleasedGeoNetwork
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.networks.batch import batch_graph
from glasscast.structure.graphs import build_graph
from tests.deep import CUTOFF, cluster, liquid, tiny
from tests.plain import angles_of, plain_released_geo, triplets

#: Rounding of single and double precision over a few hundred operations.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def film(seed: int):
    return liquid(seed, side=7, dimension=2)


def output(network, configuration, dtype):
    graph = batch_graph(build_graph(configuration, CUTOFF), triplets=True, dtype=dtype)
    with torch.no_grad():
        return network(graph)[0].double().numpy()


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q  # a rotation or a rotation with reflection


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("angles", ["harmonics", "linear", "none"])
def test_geo_gnn_is_invariant(dtype, angles):
    torch.manual_seed(0)
    settings = GeoSettings(angles=angles)
    network = GeoNetwork(settings, 2, 2).to(dtype).eval()
    start, rng = cluster(3), np.random.default_rng(4)
    expected = output(network, start, dtype)
    scale = TOLERANCE[dtype] * np.abs(expected).max()
    for seed in (1, 2, 3):
        moved = (start.positions - 20) @ rotation(seed).T + 20
        got = output(network, start.with_fields(positions=moved), dtype)
        np.testing.assert_allclose(got, expected, rtol=0, atol=scale)
    mirrored = start.positions * [-1, 1, 1] % start.box
    got = output(network, start.with_fields(positions=mirrored), dtype)
    np.testing.assert_allclose(got, expected, rtol=0, atol=scale)
    crystal = liquid(5, side=5)
    expected = output(network, crystal, dtype)
    scale = TOLERANCE[dtype] * np.abs(expected).max()
    for shift in (rng.random(3) * 7, crystal.box * [1, 0, 0] / 2):
        moved = (crystal.positions + shift) % crystal.box
        got = output(network, crystal.with_fields(positions=moved), dtype)
        np.testing.assert_allclose(got, expected, rtol=0, atol=scale)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("angles", ["harmonics", "linear", "none"])
def test_geo_gnn_is_invariant_in_the_plane(dtype, angles):
    """Under rotation by any angle, reflection, and translation through the border."""
    torch.manual_seed(0)
    network = GeoNetwork(GeoSettings(angles=angles), 2, 2).to(dtype).eval()
    start = cluster(3, dimension=2)
    expected = output(network, start, dtype)
    scale = TOLERANCE[dtype] * np.abs(expected).max()
    for angle, sign in ((0.3, 1), (2.0, 1), (4.5, -1)):
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]]) * [1, sign]
        moved = start.with_fields(positions=(start.positions - 20) @ turn.T + 20)
        np.testing.assert_allclose(output(network, moved, dtype), expected, rtol=0, atol=scale)
    crystal = film(7)
    expected = output(network, crystal, dtype)
    scale = TOLERANCE[dtype] * np.abs(expected).max()
    moved = crystal.with_fields(positions=(crystal.positions + np.array([2.7, 4.1])) % crystal.box)
    np.testing.assert_allclose(output(network, moved, dtype), expected, rtol=0, atol=scale)
    apart = output(network, crystal.with_fields(positions=crystal.positions[::-1]), dtype)
    assert np.abs(apart - expected).max() > 1e3 * scale  # the output does depend on positions


@pytest.mark.parametrize("side", [4, 6])
def test_released_form_equals_its_plain_form(side):
    """In value and gradient, batch normalisation by other numbers than where it starts."""
    torch.manual_seed(0)
    settings = GeoSettings(form="released", hidden=8, radial_functions=6, angular_functions=5)
    network = ReleasedGeoNetwork(settings, 2, 3).double()
    graph = batch_graph(build_graph(liquid(2, side), CUTOFF), triplets=True, dtype=torch.float64)
    network(graph)  # moves the running statistics
    network.eval()
    first, second = triplets(graph.index)
    plain = plain_released_geo(
        network, graph, first, angles_of(graph.vectors, first, second), second
    )
    fast = network(graph)[0]
    torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-10)
    parameters = list(network.parameters())
    got, want = (torch.autograd.grad(x.square().sum(), parameters) for x in (fast, plain))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9 * float(b.abs().max() + 1))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_released_form_is_invariant(dtype):
    torch.manual_seed(0)
    network = ReleasedGeoNetwork(GeoSettings(preset="released"), 2, 2).to(dtype).eval()
    start = cluster(3)
    expected = output(network, start, dtype)
    scale = TOLERANCE[dtype] * np.abs(expected).max()
    moved = start.with_fields(positions=(start.positions - 20) @ rotation(1).T + 20)
    np.testing.assert_allclose(output(network, moved, dtype), expected, rtol=0, atol=scale)


def test_released_parameter_count():
    network = ReleasedGeoNetwork(GeoSettings(preset="released"), 2, 1)
    assert sum(p.numel() for p in network.parameters()) == RELEASED_PARAMETERS == 29314


def test_published_parameter_count():
    network = GeoNetwork(GeoSettings(feature_norm="none"), 2, 1)
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED_PARAMETERS


@pytest.mark.parametrize(
    "ablation",
    [
        {"triplet_layers": 0},
        {"triplet_layers": 1},
        {"angles": "none"},
        {"angles": "linear"},
        {"aggregation": "mlp"},
        {"radial_functions": 1},
        {"dropout": 0.1},
        {"feature_norm": "none"},
        {"feature_norm": "running"},
        {"form": "released"},
        {"form": "released", "triplet_layers": 0, "radial_functions": 1},
        {"aggregation": "mlp", "triplet_layers": 0, "radial_functions": 1},
    ],
    ids=str,
)
def test_every_ablation_trains(ablation):
    model = tiny("geo-gnn", **ablation).fit([liquid(1)])
    assert model.history_[-1].loss < model.history_[0].loss


@pytest.mark.parametrize("side", [6.0, 1.7])
def test_a_distance_is_that_of_its_edge_in_a_box_shorter_than_the_cutoff_too(side):
    """In the short one particles are neighbours of their own images."""
    positions = np.random.default_rng(0).uniform(0, side, (9, 3))
    few = Configuration(name="few", positions=positions, types=[0] * 9, box=[side] * 3)
    batch = batch_graph(build_graph(few, 2.0))
    own = batch.index.receivers == batch.index.senders
    assert bool(own.any()) == (side < 2.0)
    distances, pairs = distinct_distances(batch)
    torch.testing.assert_close(distances[pairs], batch.vectors.norm(dim=1))
    assert 2 * len(distances) == len(pairs)
