"""What models promise, each promise a function that fails on a fitted model that breaks it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.base import Model
from glasscast.models.deep import DeepModel
from glasscast.models.registry import load_model
from glasscast.models.uncertainty import Uncertainty
from tests.conftest import repeated
from tests.contracts.cases import cluster, snapshot

FIELDS = ("positions", "inherent", "cage")


def moved(
    configuration: Configuration, change: Callable[[np.ndarray], np.ndarray], **fields: np.ndarray
) -> Configuration:
    """Bare configuration whose positions of all kinds are changed alike and put into the box."""
    box = fields.get("box", configuration.box)
    return Configuration(
        name="moved",
        types=fields.get("types", configuration.types),
        box=box,
        metadata=configuration.metadata,
        **{key: np.mod(change(getattr(configuration, key)), box) for key in FIELDS},
    )


def same(after: np.ndarray, before: np.ndarray) -> None:
    """Equal to the rounding of single precision in sums over neighbours."""
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-4 * max(np.ptp(before), 1e-3))


def permutation(model: Model) -> None:
    """The order of the particles orders the forecast, and nothing else."""
    liquid = snapshot(4, model.dimension_)
    order = np.random.default_rng(0).permutation(liquid.size)
    shuffled = moved(liquid, lambda x: x[order], types=liquid.types[order])
    same(model.predict(shuffled).values, model.predict(liquid).values[:, order])


def translation(model: Model) -> None:
    """Where the box begins does not matter, neither does which image of a particle is given."""
    liquid, rng = snapshot(4, model.dimension_), np.random.default_rng(0)
    shift = rng.uniform(-20, 20, model.dimension_)
    same(model.predict(moved(liquid, lambda x: x + shift)).values, model.predict(liquid).values)


def box_symmetries(model: Model) -> None:
    """Axes may be exchanged and turned around."""
    liquid, rng = snapshot(4, model.dimension_), np.random.default_rng(0)
    axes, signs = rng.permutation(model.dimension_), np.array([-1.0, 1.0, 1.0])[: model.dimension_]
    turned = moved(liquid, lambda x: x[:, axes] * signs, box=liquid.box[axes])
    same(model.predict(turned).values, model.predict(liquid).values)


def rotation(model: Model) -> None:
    """Any rotation, one of them with a reflection, leaves the forecast as it is."""
    start = cluster(model.dimension_)
    before, centre = model.predict(start).values, start.box / 2
    for seed, sign in ((0, 1), (1, -1)):
        shape = (model.dimension_, model.dimension_)
        turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=shape))
        turn[0] *= sign * np.sign(np.linalg.det(turn))
        turned = moved(start, lambda x, turn=turn: (x - centre) @ turn.T + centre)
        same(model.predict(turned).values, before)


def small_boxes(model: Model) -> None:
    """All images are minded: a box and the same box repeated have the same forecast."""
    small = snapshot(5, model.dimension_, size=24)
    once, again = model.predict(small).values, model.predict(repeated(small)).values
    same(again, np.tile(once, 2**model.dimension_))


def labels(model: Model) -> None:
    """A forecast does not look at what it is to forecast."""
    liquid = snapshot(4, model.dimension_)
    bare = liquid.with_fields(times=np.empty(0), propensity=None, bonds=None, bond_change=None)
    np.testing.assert_array_equal(model.predict(bare).values, model.predict(liquid).values)


def lone_particles(model: Model) -> None:
    """Particles without neighbours have a forecast."""
    apart = np.array([[1.0, 1, 1], [15.0, 15, 15]])[:, : model.dimension_]
    lone = Configuration(
        name="lone",
        types=np.array([0, 1], dtype=np.int8),
        box=np.full(model.dimension_, 30.0),
        metadata=snapshot(4, model.dimension_).metadata,
        **dict.fromkeys(FIELDS, apart),
    )
    assert np.isfinite(model.predict(lone).values).all()


def files(model: Model, folder: Path) -> None:
    """A saved model forecasts the same bits, is as sure of them, and knows what it was."""
    learned = [model.predict(snapshot(seed, model.dimension_)) for seed in (5, 6)]
    model.uncertainty_ = Uncertainty.learn(learned)
    model.save(folder)
    again, liquid = load_model(folder, model.workspace), snapshot(4, model.dimension_)
    assert type(again) is type(model)
    assert again.settings == model.settings
    assert again.state_points_ == model.state_points_
    assert model.state_points_[0].temperature == 0.5
    assert again.parameter_count() == model.parameter_count() > 0
    before, after = model.predict(liquid), again.predict(liquid)
    np.testing.assert_array_equal(after.times, before.times)
    np.testing.assert_array_equal(after.values, before.values)
    stated = model.predict_mean([liquid]).uncertainty
    np.testing.assert_array_equal(np.isfinite(stated), np.isfinite(before.values))
    np.testing.assert_array_equal(again.predict_mean([liquid]).uncertainty, stated)
    assert (after.bonds is None) == (before.bonds is None)
    if before.bonds is not None:
        np.testing.assert_array_equal(after.bonds, before.bonds)
        np.testing.assert_array_equal(after.bond_change, before.bond_change)


def refusals(model: Model) -> None:
    """What does not suit the model, or comes too early, is refused."""
    liquid = snapshot(4, model.dimension_)
    with pytest.raises(ModelError, match="dimensions, the model was"):
        model.predict(snapshot(1, 5 - model.dimension_))
    types = liquid.types.copy()
    types[0] = 5
    with pytest.raises(ModelError, match="species F, unknown"):
        model.predict(liquid.with_fields(types=types))
    with pytest.raises(ModelError, match="is not fitted"):
        type(model)(model.settings).predict(liquid)
    for field in model.settings.equilibrium_positions:
        with pytest.raises(ModelError, match=f"has no '{field}' positions"):
            model.predict(liquid.with_fields(**{field: None}))


def batches(model: DeepModel, sizes: tuple[int, ...] = (64, 64, 64)) -> None:
    """Configurations side by side have the forecasts of one by one."""
    inputs = [model.read(snapshot(k, model.dimension_, n)) for k, n in enumerate(sizes)]
    network = model.network_.eval()
    with torch.no_grad():
        joined = network(type(inputs[0]).join(inputs))
        single = [network(one) for one in inputs]
    for together, apart in zip(joined, zip(*single, strict=True), strict=True):
        assert (together is None) == (apart[0] is None)
        if together is not None:
            torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-5)


def batches_of_several_sizes(model: DeepModel) -> None:
    """Also where the configurations differ in size."""
    batches(model, (64, 27, 40))


def gradient(model: DeepModel) -> None:
    """Every parameter is learned."""
    network = model.build_network()
    nodes, edges = network(model.read(snapshot(1, model.dimension_)))
    (nodes.square().sum() + (0 if edges is None else edges.square().sum())).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
