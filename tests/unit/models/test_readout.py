from __future__ import annotations

import numpy as np
import torch

from glasscast.models.botan.start import fit_readout
from glasscast.networks.batch import GraphBatch
from glasscast.networks.normalisation import start_as_identity
from glasscast.training.objectives import Objective
from tests.deep import liquid, tiny


def prepared(name="nt-gnn", **changes):
    """A fitted model, one of its examples, and the example's graph."""
    settings = {"epochs": 1, "learning_rate": 1e-12}
    model = tiny(name, training=settings, **changes).fit([liquid(1), liquid(2)])
    graph = model.read(liquid(1))
    assert isinstance(graph, GraphBatch)
    return model, model.example(liquid(1), Objective()), graph


def test_readout_is_the_least_squares_solution():
    """numpy's solver on the features, each node weighted as in the loss, gives the same."""
    model, example, graph = prepared()
    network, layer = model.network_, model.network_.decode.linears[-1]
    fit_readout(network, layer, [example])
    features = []
    handle = layer.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    with torch.no_grad():
        outputs, _ = network(graph)
    handle.remove()
    x = np.hstack([features[0].double().numpy(), np.ones((len(outputs), 1))])
    root = np.sqrt(example.node_weights.double().numpy()[:, :1])
    alive = x.std(0) > 1e-6  # ReLUs that never fire decide nothing
    alive[-1] = True
    best, *_ = np.linalg.lstsq(root * x[:, alive], root * example.nodes.double().numpy())
    expected = x[:, alive] @ best
    # the small ridge of the read-out costs nearly nothing
    loss = [((root * (y - example.nodes.numpy())) ** 2).sum() for y in (outputs.numpy(), expected)]
    assert loss[1] <= loss[0] <= loss[1] * 1.05
    assert loss[0] < 0.98 * (example.node_weights * example.nodes**2).sum()


def test_readout_leaves_the_rest_of_the_network_alone():
    model, example, _ = prepared()
    before = {k: v.clone() for k, v in model.network_.state_dict().items()}
    fit_readout(model.network_, model.network_.decode.linears[-1], [example])
    changed = {k for k, v in model.network_.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"decode.layers.2.weight", "decode.layers.2.bias"}


def test_matched_normalisations_change_no_forecast(tmp_path):
    """Published weights in a network with normalisations forecast as without, on that graph."""
    plain, _, graph = prepared(initialisation="uniform")
    plain.save(tmp_path / "plain")
    normed = tiny(
        "nt-gnn",
        feature_norm="configuration",
        initial_weights=str(tmp_path / "plain"),
        training={"epochs": 1, "learning_rate": 1e-12},
    ).fit([liquid(1), liquid(2)])
    normed.network_.decode = plain.network_.decode  # its read-out was fitted anew
    with torch.no_grad():
        torch.testing.assert_close(
            normed.network_(graph)[0], plain.network_(graph)[0], rtol=1e-3, atol=1e-4
        )
    other = tiny("nt-gnn", feature_norm="configuration")
    other.fit([liquid(1)])
    start_as_identity(other.network_, graph)
    kinds = [m for m in other.network_.modules() if hasattr(m, "mean_scale")]
    assert len(kinds) == 2 * other.settings.rounds
    assert all(torch.all(norm.mean_scale == 1) for norm in kinds)
