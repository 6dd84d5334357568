"""Published weights: made-up files of the same layout, and the real ones where they are."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, ModelError, SettingsError
from glasscast.liquid.box import minimum_image, wrap
from glasscast.models.botan.model import Botan
from glasscast.models.botan.settings import BotanSettings
from glasscast.models.registry import load_model
from glasscast.training.settings import TrainingSettings
from glasscast.workflows.evaluate import score
from glasscast.workflows.import_data import import_data
from glasscast.workflows.import_weights import import_weights
from tests.conftest import SHARED

BOTAN_SHAPES = {
    "node_encoder": [(64, 1), (64, 64)],
    "edge_encoder": [(64, 3), (64, 64)],
    "network.edge_model.mlp": [(64, 256), (64, 64)],
    "network.node_model.mlp": [(64, 192), (64, 64)],
    "decoder": [(64, 64), (64, 64), (1, 64)],
}
DEEPMIND_SHAPES = {
    "graph_independent|node_model": [(1, 64), (64, 64)],
    "graph_independent|edge_model": [(3, 64), (64, 64)],
    "graph_network|edge_block": [(384, 64), (64, 64)],
    "graph_network|node_block": [(192, 64), (64, 64)],
    "graph_independent_1|node_model": [(64, 64), (64, 64), (64, 1)],
}


def botan_state(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{block}.fc{k}.{kind}": torch.randn(
            shape if kind == "weight" else shape[:1], generator=generator
        )
        / 20
        for block, shapes in BOTAN_SHAPES.items()
        for k, shape in enumerate(shapes, 1)
        for kind in ("weight", "bias")
    }


def deepmind_arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"Graph|{block}|mlp|linear_{k}|{kind}": rng.normal(
            size=shape if kind == "w" else shape[1:]
        ).astype(np.float32)
        / 20
        for block, shapes in DEEPMIND_SHAPES.items()
        for k, shape in enumerate(shapes)
        for kind in ("w", "b")
    }


def snapshot(size=60):
    rng = np.random.default_rng(1)
    return Configuration(
        name="gas",
        positions=rng.random((size, 3)) * 4.2,
        types=rng.integers(0, 2, size).astype(np.int8),
        box=np.full(3, 4.2),
    )


def relu(x):
    return np.maximum(x, 0)


def naive(configuration, layer, edge_order, node_order, self_edges):
    """The published networks written with concatenation, pair by pair."""
    size = configuration.size
    pairs = configuration.positions[:, None] - configuration.positions[None]  # receiver - sender
    pairs = minimum_image(pairs, configuration.box)
    near = np.linalg.norm(pairs, axis=-1) < 2.0
    if not self_edges:
        np.fill_diagonal(near, False)
    receiver, sender = np.nonzero(near)

    def mlp(block, x, count=2):
        for k in range(count):
            w, b = layer(block, k)
            x = x @ w + b
            if not (count == 3 and k == 2):
                x = relu(x)
        return x

    node0 = mlp("node", configuration.types[:, None].astype(float))
    edge0 = mlp("edge", pairs[receiver, sender])
    node, edge = node0, edge0
    for _ in range(7):
        parts = {
            "e": edge, "e0": edge0, "r": node[receiver], "r0": node0[receiver],
            "s": node[sender], "s0": node0[sender],
        }  # fmt: skip
        edge = mlp("edge update", np.concatenate([parts[p] for p in edge_order], 1))
        total = np.zeros((size, 64))
        np.add.at(total, receiver, edge)
        parts = {"n": node, "n0": node0, "sum": total}
        node = mlp("node update", np.concatenate([parts[p] for p in node_order], 1))
    return mlp("decode", node, 3)[:, 0], mlp("decode", edge, 3)[:, 0], receiver, sender


def test_botan_layout(tmp_path):
    state = botan_state()
    torch.save(state, tmp_path / "w.pth")
    model = import_weights(tmp_path / "w.pth", time=13.0, particles=True)
    blocks = dict(
        zip(["node", "edge", "edge update", "node update", "decode"], BOTAN_SHAPES, strict=True)
    )

    def layer(block, k):
        name = f"{blocks[block]}.fc{k + 1}"
        return state[f"{name}.weight"].numpy().T, state[f"{name}.bias"].numpy()

    nodes, edges, receiver, sender = naive(
        snapshot(), layer, ["s", "r", "e", "e0"], ["n", "n0", "sum"], False
    )
    forecast = model.predict(snapshot())
    np.testing.assert_allclose(forecast.values[0], nodes, rtol=1e-4, atol=1e-6)
    table = np.zeros((60, 60))
    table[receiver, sender] = edges
    i, j = forecast.bonds
    mean = (table[i, j] + table[j, i]) / 2
    np.testing.assert_allclose(forecast.bond_change[0], mean, rtol=1e-4, atol=1e-6)
    assert forecast.times.tolist() == [13.0]
    alone = import_weights(tmp_path / "w.pth", time=13.0).predict(snapshot())
    assert np.isnan(alone.values).all()  # the published weights know nothing of particles
    np.testing.assert_array_equal(alone.bond_change, forecast.bond_change)


def test_deepmind_layout(tmp_path):
    arrays = deepmind_arrays()
    np.savez(tmp_path / "w.npz", **arrays)
    model = import_weights(tmp_path / "w.npz", time=1.0)
    blocks = dict(
        zip(["node", "edge", "edge update", "node update", "decode"], DEEPMIND_SHAPES, strict=True)
    )

    def layer(block, k):
        name = f"Graph|{blocks[block]}|mlp|linear_{k}"
        return arrays[f"{name}|w"], arrays[f"{name}|b"]

    nodes, *_ = naive(
        snapshot(), layer, ["e", "e0", "r", "r0", "s", "s0"], ["sum", "n", "n0"], True
    )
    forecast = model.predict(snapshot())
    np.testing.assert_allclose(forecast.values[0], nodes, rtol=1e-4, atol=1e-6)
    assert forecast.bond_change is None


def test_training_starts_from_published_weights(tmp_path):
    """At a vanishing learning rate the fine-tuned model still forecasts what the file does."""
    torch.save(botan_state(), tmp_path / "w.pth")
    source = import_weights(tmp_path / "w.pth", time=13.0).predict(snapshot())
    rng = np.random.default_rng(0)
    train = snapshot().with_fields(
        times=np.array([1.0, 2.0]),
        propensity=rng.random((2, 60)),
        bonds=source.bonds,
        bond_change=rng.normal(size=(2, source.bonds.shape[1])),
    )
    settings = BotanSettings(
        initial_weights=str(tmp_path / "w.pth"),
        training=TrainingSettings(epochs=1, learning_rate=1e-12, device="cpu"),
    )
    tuned = Botan(settings).fit([train]).predict(snapshot())
    for row in tuned.bond_change:
        np.testing.assert_allclose(row, source.bond_change[0], rtol=1e-3, atol=1e-5)
    narrow = settings.model_copy(update={"hidden": 32})
    with pytest.raises(ModelError, match="another network"):
        Botan(narrow).fit([train])


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_files_that_would_run_code_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"decoder.fc1.weight": Bomb()}, "bomb.pth")
    np.savez("bomb.npz", x=np.array([Bomb()], dtype=object))
    Path("bare.pth").write_bytes(pickle.dumps(Bomb(), protocol=2))
    for name in ("bomb.pth", "bomb.npz", "bare.pth"):
        with pytest.raises(InputError, match=name):
            import_weights(Path(name), 1.0)
    assert not Path("exploded").exists()


def test_errors_name_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        import_weights(tmp_path / "no.pth", 1.0)
    state = botan_state()
    del state["decoder.fc3.bias"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"lacks the weights 'decoder\.fc3\.bias'"):
        import_weights(tmp_path / "w.pth", 1.0)
    state = botan_state()
    state["decoder.fc2.bias"] = torch.zeros(3)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(InputError, match="another network"):
        import_weights(tmp_path / "w.pth", 1.0)
    np.savez(tmp_path / "w.npz", **deepmind_arrays())
    with pytest.raises(SettingsError, match="particles as it is"):
        import_weights(tmp_path / "w.npz", 1.0, particles=True)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not SHARED.exists(), reason="no real configurations here")
def test_released_botan_weights_reach_their_known_correlation():
    """0.432 between all directed A-A edges below 1.35 and their mean change at t = 4120."""
    data = np.load(SHARED / "data/botan_T0.44/isoconfig_N4096T0.44_1_tc07.npz")
    box = np.full(3, (4096 / 1.2) ** (1 / 3))
    configuration = Configuration(
        name="1",
        positions=wrap(data["initial_positions"], box),
        types=data["types"].astype(np.int8),
        box=box,
    )
    model = import_weights(SHARED / "checkpoints/botan_edge_pretrained_1.pth", 13.0)
    forecast = model.predict(configuration)
    i, j = forecast.bonds
    start = minimum_image(configuration.positions[j] - configuration.positions[i], box)
    length = np.linalg.norm(start, axis=1)
    near = (length < 1.35) & (configuration.types[i] == 0) & (configuration.types[j] == 0)
    i, j, start, length = i[near], j[near], start[near], length[near]
    moved = data["positions"] - data["initial_positions"]
    change = np.mean([np.linalg.norm(start + u[j] - u[i], axis=1) - length for u in moved], axis=0)
    # Directed edges give 0.4324, the mean of both directions 0.4328.
    assert np.corrcoef(change, forecast.bond_change[0][near])[0, 1] == pytest.approx(
        0.432, abs=1e-3
    )


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not SHARED.exists(), reason="no real configurations here")
def test_released_deepmind_weights_forecast_the_shortest_time():
    """Above 0.9 for A at t = 0.13 (S = 0.9), in sigma, on a liquid they were not trained on."""
    folder = SHARED / "data"
    start = np.load(folder / "botan_T0.44/isoconfig_N4096T0.44_1_tc07.npz")
    truth = np.load(folder / "botan_T0.44_short/isoconfig_N4096T0.44_1.npz")["md_prop"][0]
    box = np.full(3, (4096 / 1.2) ** (1 / 3))
    configuration = Configuration(
        name="1",
        positions=wrap(start["initial_positions"], box),
        types=start["types"].astype(np.int8),
        box=box,
    )
    mine = configuration.types == 0
    model = import_weights(SHARED / "checkpoints/deepmind_t044_s09.npz", 0.132)
    forecast = model.predict(configuration).values[0]
    assert np.corrcoef(forecast[mine], truth[mine])[0, 1] == pytest.approx(0.937, abs=2e-3)
    assert forecast[mine].mean() == pytest.approx(truth[mine].mean(), rel=0.02)


@pytest.mark.realdata
@pytest.mark.skipif(not SHARED.exists(), reason="no real configurations here")
def test_released_deepmind_weights_run_on_a_file_of_that_data_set(tmp_path):
    """From file to score. Its 20 particles lie apart, so only the self-edges speak: a constant."""
    data = import_data(SHARED / "data/deepmind_test_small.pickle", tmp_path / "data")
    import_weights(SHARED / "checkpoints/deepmind_t044_s09.npz", 0.132).save(tmp_path / "model")
    model = load_model(tmp_path / "model")
    forecast = model.predict(data[0])
    graph = model.read(data[0])
    assert graph.index.receivers.tolist() == graph.index.senders.tolist() == list(range(20))
    np.testing.assert_allclose(forecast.values, 0.214, atol=1e-3)
    scores = score(model, data).table
    found = scores.select(metric="pearson_mean").rows
    assert [row.time for row in found] == [0.132]
    assert np.isnan(found[0].value)  # a constant correlates with nothing
