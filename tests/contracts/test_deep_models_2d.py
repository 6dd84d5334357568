"""Graph networks in two dimensions: they train, forecast and keep their symmetries, or refuse."""

import numpy as np
import pytest
import torch

from glasscast.errors import ModelError
from glasscast.models.geo_gnn.model import GeoNetwork
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.networks.batch import batch_graph
from glasscast.structure.graphs import build_graph
from tests.conftest import repeated
from tests.deep import CUTOFF, cluster, liquid, tiny

#: Rounding of single and double precision over a few hundred operations.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def film(seed: int):
    return liquid(seed, side=7, dimension=2)


@pytest.fixture(scope="module", params=["geo-gnn", "botan", "nt-gnn"])
def fitted(request):
    settings = {"epochs": 2, "augment": True, "batch_size": 2}
    return tiny(request.param, training=settings).fit([film(s) for s in range(1, 5)], [film(5)])


def test_two_epochs_learn_and_forecast_every_particle(fitted):
    first, last = fitted.history_
    assert last.loss < first.loss
    snapshot = film(6)
    forecast = fitted.predict(snapshot)
    assert forecast.values.shape == (2, snapshot.size) == (2, 49)
    assert np.isfinite(forecast.values).all()
    assert np.ptp(forecast.values, axis=1).min() > 0
    if fitted.name == "botan":
        np.testing.assert_array_equal(np.sort(forecast.bonds.T), np.sort(snapshot.bonds.T))
        assert np.isfinite(forecast.bond_change).all()


def test_a_box_and_the_same_box_repeated_have_the_same_forecast(fitted):
    small = liquid(6, side=2, dimension=2)
    once, again = fitted.predict(small).values, fitted.predict(repeated(small)).values
    np.testing.assert_allclose(np.tile(once, 4), again, rtol=0, atol=1e-4 * np.abs(again).max())


def test_saved_and_loaded_it_forecasts_the_same_bits(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = type(fitted).load(tmp_path, fitted.workspace)
    assert loaded.dimension_ == 2
    before, after = (model.predict(film(6)).values for model in (fitted, loaded))
    np.testing.assert_array_equal(before, after)


def test_another_dimension_than_in_training_is_refused(fitted):
    with pytest.raises(ModelError, match="has 3 dimensions, the model was trained in 2"):
        fitted.predict(liquid(1))


def output(network, configuration, dtype):
    graph = batch_graph(build_graph(configuration, CUTOFF), triplets=True, dtype=dtype)
    with torch.no_grad():
        return network(graph)[0].double().numpy()


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


@pytest.mark.parametrize("name", ["eignn-cage", "eignn-inh", "se3-gnn"])
def test_networks_on_spherical_tensors_refuse_the_plane(name):
    with pytest.raises(ModelError) as caught:
        tiny(name).fit([film(1), film(2)])
    assert str(caught.value) == f"{name} works in 3 dimensions, not in the 2 of liquid-1"
