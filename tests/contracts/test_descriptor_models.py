"""What every model on descriptors promises, in two and three dimensions."""

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError
from glasscast.models.registry import build, load_model, settings_class
from glasscast.runtime import Workspace
from tests.conftest import repeated
from tests.relaxed import relaxed

PHASES = [
    {"loss": "error", "learning_rate": 1e-2, "epochs": 12},
    {"loss": "total", "learning_rate": 1e-3, "epochs": 2, "patience": 1},
]
SETTINGS = {
    "lr": {"name": "lr", "order": 1, "folds": 2},
    "cage-lr": {"name": "cage-lr", "order": 1, "folds": 2},
    "cage-lr-inherent": {"name": "cage-lr", "order": 0, "structure": "inherent", "initial": False},
    "softness": {"name": "svm", "penalties": [0.01, 0.1], "folds": 2},
    "support-vector-regression": {"name": "svm", "task": "regression", "penalties": [0.01]},
    "glass-mlp": {"name": "glass-mlp", "phases": PHASES, "rings": [1.0, 2.0]},
    "density": {"name": "structural", "quantity": "density", "length": 1.0},
    "energy": {"name": "structural", "quantity": "energy"},
    "bond-order": {"name": "structural", "quantity": "bond-order", "length": 0},
    "inherent-distance": {"name": "structural", "quantity": "inherent-distance", "length": 0},
    "cage-distance": {"name": "structural", "quantity": "cage-distance", "length": 0},
}
CASES = [(label, dimension) for label in SETTINGS for dimension in (2, 3)]


def make(label):
    options = SETTINGS[label]
    if options["name"] == "glass-mlp":
        pytest.importorskip("pyvoro2")
    return build(settings_class(options["name"])(**options), Workspace(threads=1))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}d")
def fitted(request):
    label, dimension = request.param
    model = make(label).fit([relaxed(seed, dimension) for seed in (1, 2, 3)])
    return model, dimension


def moved(configuration, order, axes, signs, shift) -> Configuration:
    """Permute particles, permute and flip axes, and shift, all at once."""
    box = configuration.box[axes]
    fields = {
        key: np.mod((getattr(configuration, key)[:, axes] * signs + shift)[order], box)
        for key in ("positions", "inherent", "cage")
    }
    return Configuration(
        name="moved", types=configuration.types[order], box=box,
        metadata=configuration.metadata, **fields,
    )  # fmt: skip


def test_symmetries_of_space_only_permute_the_forecast(fitted):
    model, dimension = fitted
    snapshot, rng = relaxed(4, dimension), np.random.default_rng(0)
    before = model.predict(snapshot).values
    order, axes = rng.permutation(snapshot.size), rng.permutation(dimension)
    signs = np.array([-1.0, 1.0, 1.0])[:dimension]
    after = model.predict(
        moved(snapshot, order, axes, signs, rng.uniform(-20, 20, dimension))
    ).values
    np.testing.assert_allclose(after, before[:, order], rtol=0, atol=1e-4 * np.ptp(before))


def test_a_box_and_the_same_box_repeated_have_the_same_forecast(fitted):
    model, dimension = fitted
    small = relaxed(5, dimension, size=24)
    once, again = model.predict(small).values, model.predict(repeated(small)).values
    np.testing.assert_allclose(np.tile(once, 2**dimension), again, rtol=0, atol=1e-4 * np.ptp(once))


def test_saved_and_loaded_it_forecasts_the_same_bits(fitted, tmp_path):
    model, dimension = fitted
    model.save(tmp_path)
    again, snapshot = load_model(tmp_path, model.workspace), relaxed(4, dimension)
    assert again.settings == model.settings
    assert again.state_points_ == model.state_points_
    assert (model.state_points_[0].temperature, len(model.state_points_)) == (0.5, 1)
    np.testing.assert_array_equal(again.predict(snapshot).values, model.predict(snapshot).values)
    assert again.parameter_count() == model.parameter_count() > 0


def test_labels_are_not_looked_at(fitted):
    model, dimension = fitted
    snapshot = relaxed(4, dimension)
    bare = snapshot.with_fields(times=np.empty(0), propensity=None)
    np.testing.assert_array_equal(model.predict(bare).values, model.predict(snapshot).values)


def test_what_does_not_suit_the_model_is_refused(fitted):
    model, dimension = fitted
    with pytest.raises(ModelError, match="dimensions, the model was"):
        model.predict(relaxed(1, 5 - dimension))
    types = relaxed(1, dimension).types.copy()
    types[0] = 5
    with pytest.raises(ModelError, match="species F, unknown"):
        model.predict(relaxed(1, dimension).with_fields(types=types))


@pytest.mark.parametrize(
    ("label", "field"), [("cage-lr", "cage"), ("energy", "inherent"), ("cage-distance", "cage")]
)
def test_missing_positions_of_equilibrium_are_named(label, field):
    bare = [relaxed(seed, 2).with_fields(**{field: None}) for seed in (1, 2)]
    with pytest.raises(ModelError, match=f"has no '{field}' positions"):
        make(label).fit(bare)
