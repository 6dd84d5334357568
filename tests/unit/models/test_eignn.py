"""EIGNN: fused passes and the whole network against e3nn, its inputs, its statistics, its files."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from glasscast.errors import InputError, ModelError, SettingsError
from glasscast.models.eignn.network import EignnNetwork
from glasscast.models.eignn.printed import PrintedEignnNetwork
from glasscast.models.eignn.settings import EignnSettings
from glasscast.networks import gated_messages as second
from glasscast.networks import tensor_messages as first
from glasscast.networks.basis import spherical_harmonics
from glasscast.networks.batch import batch_graph, join_graphs
from glasscast.networks.normalisation import FeatureNorm
from glasscast.networks.tensor_messages import EdgeGeometry
from glasscast.structure.graphs import build_union_graph
from glasscast.workflows.import_weights import import_weights
from tests.conftest import SHARED
from tests.deep import CUTOFF, cluster, liquid, tiny
from tests.plain_equivariant import e3nn_parts, plain_eignn, plain_printed_eignn


def random(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


def geometry_of(seed: int, degree: int, edges: int | None = None) -> EdgeGeometry:
    graph = batch_graph(build_union_graph(liquid(seed, 3), CUTOFF, "cage"), dtype=torch.float64)
    invariants = random(len(graph.vectors), 4, seed=0).detach()
    harmonics = spherical_harmonics(graph.vectors, degree)
    return EdgeGeometry.build(invariants, harmonics, graph.index, degree)


@pytest.mark.parametrize("block", [1, 50, 4096])
@pytest.mark.parametrize("degree", [0, 2])
def test_fused_passes_equal_plain_ones(block, degree, monkeypatch):
    for module in (first, second):
        monkeypatch.setattr(module, "BLOCK", block)
    geometry = geometry_of(1, degree)
    shapes = [(27, 6), (27, 6), (6, 5), (degree + 1, 6), (degree + 1,)]
    inputs = [random(*shape, seed=k) for k, shape in enumerate(shapes)]
    assert_same(
        torch.cat([x.flatten() for x in first.tensor_messages(*inputs, geometry)]),
        torch.cat([x.flatten() for x in first.plain_tensor_messages(*inputs, geometry)]),
        inputs,
    )
    edges, size = len(geometry.invariants), (degree + 1) ** 2
    shapes = [(degree + 1, edges), (27, size), (27, 6), (6, 5), *[(6, degree + 1)] * 2]
    whole = [random(*shape, seed=k) for k, shape in enumerate(shapes)]
    for absent in [(), (0, 4), (0, 1, 4, 5)]:  # of the full layer, variant A and variant B
        inputs = [None if k in absent else x for k, x in enumerate(whole)]
        fast, plain = (
            f(*inputs, geometry) for f in (second.gated_messages, second.plain_gated_messages)
        )
        assert_same(fast, plain, [x for x in inputs if x is not None])


def assert_same(fast, plain, inputs):
    torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-10)
    probe = random(*fast.shape, seed=99).detach()
    wanted = torch.autograd.grad((plain * probe).sum(), inputs)
    for got, want in zip(torch.autograd.grad((fast * probe).sum(), inputs), wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("l_max", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"parity": False}, {"scalarisation": "difference"}, {"scalarisation": "none"}],
    ids=str,
)
def test_network_equals_its_e3nn_form(l_max, options):
    torch.manual_seed(0)
    settings = EignnSettings(
        name="eignn", hidden=8, layers=2, l_max=l_max, feature_norm="running", **options
    )
    network = EignnNetwork(settings, 2, 3).double().eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    union = build_union_graph(liquid(1), CUTOFF, "cage")
    graph = batch_graph(union, energies=np.sin(np.arange(64)), dtype=torch.float64)
    parts = e3nn_parts(l_max, settings.parity, 2)
    fast, plain = network(graph)[0], plain_eignn(network, graph, parts)
    torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-10)
    parameters = list(network.parameters())
    got, want = (torch.autograd.grad(x.square().sum(), parameters) for x in (fast, plain))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10 * float(b.abs().max() + 1))


@pytest.mark.parametrize("l_max", [0, 1, 2])
@pytest.mark.parametrize("scalarisation", ["full", "difference", "none"])
def test_printed_form_equals_its_e3nn_form(l_max, scalarisation):
    torch.manual_seed(0)
    settings = EignnSettings(
        name="eignn",
        form="printed",
        parity=False,
        hidden=8,
        layers=2,
        l_max=l_max,
        radial_cutoff=CUTOFF,
        scalarisation=scalarisation,
    )
    network = PrintedEignnNetwork(settings, 2, 3).double().eval()
    union = build_union_graph(liquid(1), CUTOFF, "cage")
    graph = batch_graph(union, energies=np.sin(np.arange(64)), dtype=torch.float64)
    fast, plain = network(graph)[0], plain_printed_eignn(network, graph)
    torch.testing.assert_close(
        fast, plain, rtol=1e-8, atol=1e-9 * float(plain.detach().abs().max())
    )


def test_printed_form_is_invariant_under_rotations():
    torch.manual_seed(0)
    settings = {"form": "printed", "parity": False, "radial_cutoff": CUTOFF}
    model = tiny("eignn-cage", **settings).fit([liquid(1)])
    start = cluster(3)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn[0] *= np.sign(np.linalg.det(turn))
    moved = {k: (getattr(start, k) - 20) @ turn.T + 20 for k in ("positions", "cage")}
    before = model.predict(start).values
    after = model.predict(start.with_fields(**moved)).values
    np.testing.assert_allclose(after, before, rtol=0, atol=2e-4 * np.abs(before).max())


def test_union_holds_the_pairs_of_both_structures():
    configuration = liquid(2)
    union = build_union_graph(configuration, CUTOFF, "cage")
    pairs = set(zip(union.edges.receivers.tolist(), union.edges.senders.tolist(), strict=True))
    box = configuration.box
    for structure, found in (
        ("positions", np.linalg.norm(union.edges.vectors, axis=1)),
        ("cage", union.equilibrium_distances),
    ):
        x = getattr(configuration, structure)
        apart = x[:, None] - x
        distance = np.linalg.norm(apart - box * np.round(apart / box), axis=2)
        near = {(i, j) for i, j in np.argwhere(distance < CUTOFF).tolist() if i != j}
        assert near < pairs
        listed = distance[union.edges.receivers, union.edges.senders]
        np.testing.assert_allclose(found, listed, rtol=1e-9)


@pytest.mark.parametrize("norm", ["configuration", "running"])
def test_forecast_does_not_depend_on_the_rest_of_the_batch(norm):
    """Even beside a configuration whose displacements are ten times larger."""
    model = tiny("eignn-cage", feature_norm=norm).fit([liquid(1), liquid(2)])
    near, far = liquid(3), liquid(4)
    wild = far.with_fields(cage=(far.positions + 10 * (far.cage - far.positions)) % far.box)
    graphs = [model.read(near), model.read(wild)]
    for mode in (False, True):  # nor does a training step, but for the read-out's averages
        network = model.network_.train(mode)
        with torch.no_grad():
            alone = network(graphs[0])[0]
            beside = network(join_graphs(graphs))[0][: near.size]
        torch.testing.assert_close(alone, beside, rtol=1e-5, atol=1e-5)


def test_running_statistics_follow_the_training_data():
    settings = {"epochs": 200, "learning_rate": 1e-12}
    model = tiny("eignn-cage", feature_norm="running", training=settings).fit([liquid(1)])
    graph = model.read(liquid(1))
    with torch.no_grad():
        kept = model.network_.eval()(graph)[0]
        own = model.network_.train()(graph)[0]
    torch.testing.assert_close(kept, own, rtol=1e-2, atol=1e-3)


def test_energies_are_those_of_the_liquid_and_scaled_per_species():
    big = [
        liquid(k, side=6).with_fields(metadata={"liquid": "ka", "temperature": 0.5}) for k in (1, 2)
    ]
    model = tiny("eignn-inh", energy="inherent", training={"epochs": 1}).fit(big)
    assert model.liquid_ == "ka"
    inputs = model.network_.inputs
    scaled = torch.cat([inputs(g.types, model.input_numbers(g)) for g in map(model.read, big)])
    types = torch.cat([torch.from_numpy(c.types.copy()) for c in big])
    for s in (0, 1):
        mine = scaled[types == s][:, 2:]
        torch.testing.assert_close(mine.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
        torch.testing.assert_close(mine.std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)
    nameless = big[0].with_fields(metadata={})
    assert np.array_equal(model.predict(nameless).values, model.predict(big[0]).values)


def test_liquids_that_cannot_be_known_are_named():
    with pytest.raises(ModelError, match="liquid-1 does not say which liquid"):
        tiny("eignn-inh", energy="inherent").fit([liquid(1)])
    mixed = [
        liquid(k).with_fields(metadata={"liquid": name}) for k, name in ((1, "ka"), (2, "ka-cut"))
    ]
    with pytest.raises(ModelError, match="several liquids"):
        tiny("eignn-inh", energy="inherent").fit(mixed)


def test_missing_structures_are_named():
    model = tiny("eignn-cage").fit([liquid(1)])
    with pytest.raises(ModelError, match="liquid-2 has no 'cage' positions"):
        model.predict(liquid(2).with_fields(cage=None))
    inherent = tiny("eignn-inh").fit([liquid(1)])
    inherent.predict(liquid(2).with_fields(cage=None))


def test_a_forecast_names_the_positions_it_needs():
    assert tiny("eignn-cage").settings.equilibrium_positions == ("cage",)
    assert tiny("eignn-cage", energy="inherent").settings.equilibrium_positions == (
        "inherent",
        "cage",
    )
    assert tiny("se3-gnn", energy="positions").settings.equilibrium_positions == ()


def test_liquid_survives_saving(tmp_path):
    big = liquid(1, side=6).with_fields(metadata={"liquid": "ka"})
    model = tiny("eignn-inh", energy="positions", training={"epochs": 1}).fit([big])
    model.save(tmp_path)
    loaded = type(model).load(tmp_path, model.workspace)
    bare = big.with_fields(metadata={})
    assert np.array_equal(model.predict(bare).values, loaded.predict(bare).values)


def released_layout(tmp_path, **changes):
    """A made-up file with the names and shapes of the released one."""
    shapes = {"lin_embedding.weight": (32, 4), "lin_embedding.bias": (32,)}
    shapes |= {"lin_cat.weight": (32, 64), "lin_cat.bias": (32,)}
    shapes |= {"out.lins.0.weight": (32, 32), "out.lins.1.weight": (20, 32)}
    shapes |= {f"out.norms.0.module.{k}": (32,) for k in ("weight", "bias")}
    shapes |= {f"out.norms.0.module.running_{k}": (32,) for k in ("mean", "var")}
    shapes |= {"agg_3.nn.lins.0.weight": (32, 64), "agg_3.nn.lins.0.bias": (32,)}
    layer = {"I2EConv.lin1": (32, 81), "I2EConv.lin2": (3, 32), "I2EConv.lin3": (32, 35)}
    layer |= {"E2IConv.lin_cat": (32, 23), "E2IConv.lin_r": (32, 32)}
    for k in range(7):
        for name, shape in layer.items():
            shapes |= {f"interactions.{k}.{name}.weight": shape}
            shapes |= {f"interactions.{k}.{name}.bias": shape[:1]}
        shapes |= {f"interactions.{k}.I2EConv.o3_lin.weight": (15,)}
        shapes |= {f"interactions.{k}.norm.{n}": (32,) for n in ("weight", "bias", "mean_scale")}
        shapes |= {f"interactions.{k}.e_norm.{n}": (3,) for n in ("weight", "running_var")}
        shapes |= {f"interactions.{k}.e_norm.{n}": (1,) for n in ("bias", "running_mean")}
    net = {k: random(*v, seed=n).detach().float() / 5 for n, (k, v) in enumerate(shapes.items())}
    net = {k: v.abs() if "var" in k else v for k, v in net.items()} | changes
    torch.save({"net": net, "optimizer": {}, "epoch": 99}, tmp_path / "w.pt")
    return tmp_path / "w.pt"


def test_released_layout(tmp_path):
    """Our reading of such a file equals the e3nn network with the same weights."""
    model = import_weights(released_layout(tmp_path))
    big = cluster(3)
    graph = batch_graph(build_union_graph(big, 2.0, "cage"), energies=np.cos(np.arange(64)))
    network = model.network_.double()
    graph = type(graph)(
        **{
            k: v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v
            for k, v in vars(graph).items()
        }
    )
    parts = e3nn_parts(2, False, 7)
    with torch.no_grad():
        fast, plain = network(graph)[0], plain_eignn(network, graph, parts)
    torch.testing.assert_close(fast, plain, rtol=1e-8, atol=1e-9)
    assert model.times_[6] == 4120
    assert model.name == "eignn-cage"


def test_released_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="leave the time out"):
        import_weights(released_layout(tmp_path), 13.0)
    with pytest.raises(InputError, match=r"lacks the weights 'lin_cat\.bias'"):
        import_weights(released_layout(tmp_path, **{"lin_cat.bias": None}))
    with pytest.raises(InputError, match="another network"):
        import_weights(released_layout(tmp_path, **{"lin_cat.bias": torch.zeros(7)}))


RELEASED = SHARED / "checkpoints" / "eignn_cage_T0.44.pt"


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not RELEASED.exists(), reason="no released weights here")
def test_released_weights_forecast_short_times(real_data):
    """With measured mean positions at t = 13 as the cage state, which leaks that time only."""
    from glasscast.datasets.configuration import Configuration
    from glasscast.liquid.box import wrap

    long = np.load(real_data / "botan_T0.44/isoconfig_N4096T0.44_1_tc07.npz")
    short = np.load(real_data / "botan_T0.44_short/isoconfig_N4096T0.44_1.npz")
    box = np.full(3, (4096 / 1.2) ** (1 / 3))
    positions = wrap(long["initial_positions"], box)
    configuration = Configuration(
        name="1",
        positions=positions,
        inherent=positions,  # worth 0.03: the minimiser is an optional extra
        cage=wrap(positions + short["tendency"][2], box),
        types=long["types"].astype(np.int8),
        box=box,
    )
    values = import_weights(RELEASED).predict(configuration).values
    mine = configuration.types == 0
    for row, truth, least in zip(values, short["md_prop"], (0.82, 0.83, 0.95), strict=False):
        assert np.corrcoef(row[mine], truth[mine])[0, 1] > least


def test_gradcheck(monkeypatch):
    monkeypatch.setattr(first, "BLOCK", 60)
    geometry = geometry_of(3, 1)
    shapes = [(27, 2), (27, 2), (2, 5), (2, 2), (2,)]
    inputs = [random(*shape, seed=k) for k, shape in enumerate(shapes)]
    assert gradcheck(lambda *x: first.tensor_messages(*x, geometry)[1], inputs)


@pytest.mark.parametrize("form", ["released", "printed"])
def test_a_batch_of_forecasts_is_normalised_as_one(form):
    """Features have mean zero over the batch, not in each snapshot; alone nothing is different."""
    changes = {"form": form, "parity": False, "training": {"epochs": 1}}
    model = tiny("eignn-cage", forecast_batch=3, **changes).fit([liquid(1), liquid(2)])
    alone = tiny("eignn-cage", **changes).fit([liquid(1), liquid(2)])
    sparse = liquid(3, species=1)
    states = [liquid(3), liquid(4), sparse]
    single = [alone.predict(c).values for c in states]
    for forecast, values in zip(alone.predict_each([[c] for c in states]), single, strict=True):
        np.testing.assert_array_equal(forecast.values, values)
    np.testing.assert_array_equal(model.predict_each([[liquid(3)]])[0].values, single[0])
    twice = model.predict_each([[liquid(3)], [liquid(3)]])
    for forecast in twice:  # the statistics of two of a kind are those of one
        np.testing.assert_allclose(forecast.values, single[0], rtol=1e-3, atol=1e-5)
    norm = next(m for m in model.network_.modules() if isinstance(m, FeatureNorm) and not m.running)
    with torch.no_grad():
        norm.mean_scale.fill_(1)
        norm.bias.zero_()
    seen = []
    handle = norm.register_forward_hook(lambda _, given, made: seen.append(made))
    together = model.predict_each([[c] for c in states])
    handle.remove()
    assert len(seen) == 1
    assert seen[0].mean(0).abs().max() < 1e-5
    parts = torch.split(seen[0], [c.size for c in states])
    assert min(float(part.mean(0).abs().max()) for part in parts) > 1e-3
    model.settings = model.settings.model_copy(update={"forecast_batch": 1})
    for forecast, other in zip(together, model.predict_each([[c] for c in states]), strict=True):
        assert np.nanmax(np.abs(forecast.values - other.values)) > 1e-4
        assert forecast.configuration is other.configuration
