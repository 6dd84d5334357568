"""What every graph network promises: symmetries it claims, exact files, exact resumption."""

import csv
import json

import numpy as np
import pytest
import torch

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, ModelError, SettingsError
from glasscast.models.botan.loss import PairObjective
from glasscast.models.botan.settings import BotanSettings
from glasscast.models.geo_gnn.model import PUBLISHED_PARAMETERS, GeoNetwork
from glasscast.models.geo_gnn.settings import GeoSettings
from glasscast.networks.batch import batch_graph, box_symmetries, join_graphs
from glasscast.runtime import Workspace
from glasscast.structure.graphs import build_graph
from glasscast.training.objectives import mean_pearson
from tests.conftest import repeated
from tests.deep import cluster, liquid, tiny, weights
from tests.steps import KilledError, Steps

NAMES = ["geo-gnn", "botan", "nt-gnn", "eignn-cage", "se3-gnn"]
#: Rounding of single and double precision over a few hundred operations.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    return tiny(request.param).fit([liquid(1), liquid(2)])


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q  # a rotation or a rotation with reflection


def output(network, configuration, dtype, cutoff=1.4):
    graph = batch_graph(build_graph(configuration, cutoff), triplets=True, dtype=dtype)
    with torch.no_grad():
        return network(graph)[0].double().numpy()


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


def test_permutation_only_permutes(fitted):
    configuration = liquid(7)
    order = np.random.default_rng(0).permutation(configuration.size)
    shuffled = Configuration(
        name="shuffled",
        positions=configuration.positions[order],
        cage=configuration.cage[order],
        types=configuration.types[order],
        box=configuration.box,
    )
    a, b = fitted.predict(configuration), fitted.predict(shuffled)
    np.testing.assert_allclose(b.values, a.values[:, order], rtol=1e-4, atol=1e-4)


def test_a_box_and_the_same_box_repeated_have_the_same_forecast(fitted):
    """Eight particles, less than twice the cutoff apart from their images."""
    small = liquid(7, side=2)
    assert (small.box < 2 * fitted.settings.cutoff).all()
    once, again = fitted.predict(small).values, fitted.predict(repeated(small)).values
    np.testing.assert_allclose(np.tile(once, 8), again, rtol=0, atol=1e-4 * np.abs(again).max())


def test_it_learns_from_small_boxes(fitted):
    """Bonds are nearest images: each is the target of two edges, and has one forecast."""
    small = [liquid(seed, side=2) for seed in (1, 2)]
    model = tiny(fitted.name).fit(small)
    assert model.history_[-1].loss < model.history_[0].loss
    example = model.example(small[0], model.phases()[0].objective)
    if example.edges is not None:
        assert (example.edge_weights > 0).sum() == 2 * small[0].bonds.shape[1]
        np.testing.assert_array_equal(model.predict(small[0]).bonds, small[0].bonds)


def test_labels_are_not_looked_at(fitted):
    configuration = liquid(7)
    bare = configuration.with_fields(
        times=np.empty(0), propensity=None, bonds=None, bond_change=None
    )
    a, b = fitted.predict(configuration), fitted.predict(bare)
    assert np.array_equal(a.values, b.values)


def test_batched_equals_one_by_one(fitted):
    graphs = [fitted.read(liquid(s, side)) for s, side in ((1, 4), (2, 3), (3, 4))]
    with torch.no_grad():
        joined = fitted.network_(join_graphs(graphs))
        single = [fitted.network_(g) for g in graphs]
    torch.testing.assert_close(joined[0], torch.cat([n for n, _ in single]), rtol=1e-5, atol=1e-5)
    if joined[1] is not None:
        torch.testing.assert_close(
            joined[1], torch.cat([e for _, e in single]), rtol=1e-5, atol=1e-5
        )


def test_gradient_reaches_every_parameter(fitted):
    network = fitted.build_network()
    nodes, edges = network(fitted.read(liquid(1)))
    (nodes.square().sum() + (0 if edges is None else edges.square().sum())).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", NAMES)
def test_lone_particles_and_no_edges_have_forecasts(name, fitted):
    apart = np.array([[1.0, 1, 1], [9.0, 9, 9]])
    lone = Configuration(
        name="lone",
        positions=apart,
        cage=apart,
        types=np.array([0, 1], dtype=np.int8),
        box=np.full(3, 20.0),
    )
    assert np.isfinite(fitted.predict(lone).values).all()


def test_save_load_predict_is_bitwise(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = type(fitted).load(tmp_path, fitted.workspace)
    a, b = fitted.predict(liquid(9)), loaded.predict(liquid(9))
    assert np.array_equal(a.values, b.values)
    assert (a.bond_change is None) == (fitted.name != "botan")
    if a.bond_change is not None:
        assert np.array_equal(a.bond_change, b.bond_change)
        assert np.array_equal(a.bonds, b.bonds)
    record = json.loads((tmp_path / "model.json").read_text())
    assert record["parameters"] == fitted.parameter_count()
    assert record["provenance"]["trained_on"] == ["liquid-1", "liquid-2"]
    assert loaded.state_points_ == fitted.state_points_
    assert fitted.state_points_[0].liquid is None


def test_load_refuses_another_model(fitted, tmp_path):
    fitted.save(tmp_path)
    other = type(tiny("geo-gnn" if fitted.name != "geo-gnn" else "botan"))
    with pytest.raises(InputError, match=f"holds a '{fitted.name}'"):
        other.load(tmp_path)


def test_load_refuses_weights_of_other_width(fitted, tmp_path):
    fitted.save(tmp_path)
    path = tmp_path / "model.json"
    record = json.loads(path.read_text())
    width = "channels" if fitted.name == "se3-gnn" else "hidden"
    record["hyperparameters"][width] = 24
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="weights of another network"):
        type(fitted).load(tmp_path)


def test_unknown_species_is_refused(fitted):
    three = liquid(1, species=3)
    with pytest.raises(ModelError, match="species C"):
        fitted.predict(three)


@pytest.mark.parametrize("name", NAMES)
def test_resume_is_bit_for_bit(name, tmp_path):
    train, validation = [liquid(1), liquid(2), liquid(3)], [liquid(4)]
    settings = {"epochs": 4, "schedule": "cosine", "augment": True, "batch_size": 2}
    settings["average"] = 0.5
    extra = {"dropout": 0.2} if name == "geo-gnn" else {}
    whole = tiny(name, training=settings, **extra).fit(train, validation, seed=5)
    path = tmp_path / "fit.ckpt"
    within_third_epoch = Workspace(threads=1, progress=Steps(stop_after=5))
    broken = tiny(name, within_third_epoch, training=settings, **extra)
    with pytest.raises(KilledError):
        broken.fit(train, validation, seed=5, checkpoint=path)
    assert path.exists()
    rows = list(csv.DictReader(path.with_suffix(".csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    steps = Steps()
    resumed = tiny(name, Workspace(threads=1, progress=steps), training=settings, **extra)
    resumed.fit(train, validation, seed=5, checkpoint=path)
    assert steps.taken == [4, 1, 1, 1, 1]  # two epochs are taken up, two trained
    assert torch.equal(weights(resumed), weights(whole))
    assert [r.loss for r in resumed.history_] == [r.loss for r in whole.history_]
    assert not path.exists()
    assert len(list(csv.DictReader(path.with_suffix(".csv").open()))) == 4


def test_checkpoint_of_another_fit_is_refused(tmp_path):
    path = tmp_path / "fit.ckpt"
    broken = tiny("botan", Workspace(threads=1, progress=Steps(stop_after=3)))
    with pytest.raises(KilledError):
        broken.fit([liquid(1), liquid(2)], checkpoint=path)
    with pytest.raises(ModelError, match='another fit: its model is "botan"'):
        tiny("geo-gnn").fit([liquid(1), liquid(2)], checkpoint=path)
    with pytest.raises(ModelError, match=r"its species is \[0, 1\], this fit has \[0, 2\]"):
        tiny("botan").fit([liquid(1, species=3), liquid(2, species=3)], checkpoint=path)
    with pytest.raises(ModelError, match="its seed is 0"):
        tiny("botan").fit([liquid(1), liquid(2)], seed=1, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        tiny("botan").fit([liquid(1), liquid(2)], checkpoint=path)


def test_validation_keeps_the_best_epoch_and_stops_early():
    model = tiny("botan", training={"epochs": 60, "patience": 2, "learning_rate": 0.05})
    model.fit([liquid(1)], [liquid(2)])
    scores = [row.validation_pearson for row in model.history_]
    best = model.provenance_["best_epoch"]
    assert scores[best - 1] == max(scores)
    assert len(scores) == min(60, best + 2)
    with torch.no_grad():
        nodes, _ = model.network_(model.read(liquid(2)))
    truth = torch.from_numpy(liquid(2).propensity.T.copy())
    types = torch.from_numpy(liquid(2).types.copy())
    again = np.mean([mean_pearson(nodes[types == s], truth[types == s]) for s in (0, 1)])
    assert again == pytest.approx(max(scores), abs=1e-5)


def test_averaged_weights_are_the_running_mean_of_the_steps():
    """A memory m keeps w <- m w + (1 - m) v of the weights v after each step, from the first."""
    settings = {"learning_rate": 1e-3, "schedule": "constant", "warmup": 0, "average": 0.0}
    after = [
        weights(tiny("geo-gnn", training={**settings, "epochs": n}).fit([liquid(1)]))
        for n in (1, 2, 3)
    ]
    averaged = {**settings, "epochs": 3, "average": 0.7}
    got = weights(tiny("geo-gnn", training=averaged).fit([liquid(1)]))
    expected = 0.7 * (0.7 * after[0] + 0.3 * after[1]) + 0.3 * after[2]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(got, after[2], rtol=1e-4, atol=1e-6)


def test_validation_is_set_aside_by_parent():
    model = tiny("botan", training={"epochs": 1, "validation_fraction": 0.34})
    train = [liquid(i).with_fields(metadata={"parent": f"p{i // 2}"}) for i in range(6)]
    model.fit(train)
    aside = model.provenance_["validated_on"]
    assert len(aside) == 2
    assert len({c.metadata["parent"] for c in train if c.name in aside}) == 1
    assert not set(aside) & set(model.provenance_["trained_on"])


def test_species_that_are_not_learned_are_nan_and_do_not_matter():
    configuration = liquid(1)
    spoiled = configuration.with_fields(
        propensity=np.where(configuration.types == 1, 1e6, configuration.propensity)
    )
    settings = {"learn_species": (0,)}
    a = tiny("geo-gnn", training=settings).fit([configuration]).predict(configuration)
    b = tiny("geo-gnn", training=settings).fit([spoiled]).predict(configuration)
    assert np.array_equal(a.values, b.values, equal_nan=True)
    assert np.array_equal(np.isnan(a.values[0]), configuration.types == 1)


@pytest.mark.parametrize("normalisation", ["dataset", "configuration", "none"])
def test_forecast_is_in_units_of_the_target(normalisation):
    """Another unit and origin of the labels change the forecast by just that."""
    plain, scaled = (
        liquid(1).with_fields(propensity=scale * liquid(1).propensity + origin)
        for scale, origin in ((1, 0), (5, 100))
    )
    settings = {"normalisation": normalisation}
    a, b = (tiny("geo-gnn", training=settings).fit([c]).predict(c).values for c in (plain, scaled))
    same = np.allclose(5 * a + 100, b, rtol=1e-3)
    assert same == (normalisation != "none")


def test_missing_pair_changes_are_named():
    bare = liquid(1).with_fields(bonds=None, bond_change=None)
    with pytest.raises(ModelError, match="liquid-1 has no 'bond_change'"):
        tiny("botan").fit([bare])
    tiny("botan", node_weight=1).fit([bare])


def test_mixed_precision_needs_a_gpu():
    if torch.cuda.is_available():
        pytest.skip("has one")
    with pytest.raises(SettingsError, match="needs a GPU"):
        tiny("botan", training={"precision": "bfloat16"}).fit([liquid(1)])


def test_training_settings_not_given_are_those_of_the_model():
    """Asking BOTAN for fewer epochs must not turn its augmentation off."""
    few = BotanSettings(training={"epochs": 3}).training
    assert few == BotanSettings().training.model_copy(update={"epochs": 3})
    assert few.augment


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
        {"aggregation": "mlp", "triplet_layers": 0, "radial_functions": 1},
    ],
    ids=str,
)
def test_every_ablation_trains(ablation):
    model = tiny("geo-gnn", **ablation).fit([liquid(1)])
    assert model.history_[-1].loss < model.history_[0].loss


def test_box_symmetries_are_the_octahedral_group():
    group = box_symmetries(3)
    assert len({tuple(m.flatten().tolist()) for m in group}) == 48
    products = torch.einsum("aij,bjk->abik", group, group).reshape(-1, 9)
    assert len({tuple(m.tolist()) for m in products}) == 48
    assert len(box_symmetries(2)) == 8


def test_loss_is_the_mean_over_configurations_of_different_size():
    """A batch of 64 and 27 particles weighs both alike, as two steps of one would."""
    from glasscast.training.examples import join_examples, make_example, measure_targets

    model = tiny("botan").fit([liquid(1)])
    pair = [liquid(1), liquid(2, side=3)]
    statistics = measure_targets(pair, "propensity", (0, 1), "dataset", True)
    examples = [make_example(c, model.read(c), "propensity", statistics, np.inf) for c in pair]
    objective = PairObjective(0.4)

    def loss(example):
        with torch.no_grad():
            return float(objective(model.network_(example.inputs), example))

    apart = [loss(example) for example in examples]
    assert loss(join_examples(examples)) == pytest.approx(np.mean(apart), rel=1e-5)


@pytest.mark.parametrize("triplets", [False, True])
def test_jittered_graph_is_the_graph_of_the_moved_particles(triplets):
    start = liquid(1)
    graph = batch_graph(build_graph(start, 1.4), triplets=triplets, dtype=torch.float64)
    shifts = 1e-3 * torch.randn(start.size, 3, dtype=torch.float64)
    moved = graph.jittered(shifts)
    points = torch.tensor(start.positions) + shifts
    vectors = points[graph.index.senders] - points[graph.index.receivers]
    box = torch.tensor(start.box)
    vectors -= box * (vectors / box).round()
    torch.testing.assert_close(moved.vectors, vectors)
    if triplets:
        directions = torch.nn.functional.normalize(vectors, dim=1)
        torch.testing.assert_close(moved.triplets.directions, directions)


def test_jitter_is_drawn_anew_at_each_step_and_resumes(tmp_path):
    """With jitter the loss of an epoch differs, and equal seeds give equal weights."""
    settings = {"jitter": 0.05, "learning_rate": 1e-12}
    a, b = (tiny("geo-gnn", training=settings).fit([liquid(1)]) for _ in range(2))
    losses = [row.loss for row in a.history_]
    assert len(set(losses)) == len(losses)
    assert losses == [row.loss for row in b.history_]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_overfits_one_configuration(name):
    wide = {
        "geo-gnn": {"hidden": 32},
        "eignn-cage": {"hidden": 32, "layers": 3},
        "se3-gnn": {"channels": 16, "layers": 3},
    }.get(name, {"hidden": 48, "rounds": 3})
    settings = {"epochs": 1500, "learning_rate": 3e-3, "augment": False, "schedule": "cosine"}
    model = tiny(name, training=settings, **wide).fit([liquid(1)])
    forecast, truth = model.predict(liquid(1)), liquid(1)
    for s in (0, 1):
        mine = truth.types == s
        for got, want in zip(forecast.values, truth.propensity, strict=True):
            assert np.corrcoef(got[mine], want[mine])[0, 1] > 0.99
