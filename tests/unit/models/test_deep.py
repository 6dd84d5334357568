"""What networks of all kinds do with data, settings and checkpoints besides their contracts."""

import csv
import json

import numpy as np
import pytest
import torch

from glasscast.errors import InputError, ModelError
from glasscast.models.botan.settings import BotanSettings
from glasscast.runtime import Workspace
from tests.deep import liquid, tiny, weights
from tests.steps import KilledError, Steps

NAMES = ["geo-gnn", "botan", "nt-gnn", "eignn-cage", "se3-gnn"]


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    return tiny(request.param).fit([liquid(1), liquid(2)])


def test_it_learns_from_small_boxes(fitted):
    """Bonds are nearest images: each is the target of two edges, and has one forecast."""
    small = [liquid(seed, side=2) for seed in (1, 2)]
    model = tiny(fitted.name).fit(small)
    assert model.history_[-1].loss < model.history_[0].loss
    example = model.example(small[0], model.phases()[0].objective)
    if example.edges is not None:
        assert (example.edge_weights > 0).any(1).sum() == 2 * small[0].bonds.shape[1]
        np.testing.assert_array_equal(model.predict(small[0]).bonds, small[0].bonds)


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


@pytest.mark.parametrize("name", ["geo-gnn", "eignn-cage"])  # dropout; running statistics
def test_a_resumed_fit_is_bit_for_bit_the_whole_one(name, tmp_path):
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


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "fit.ckpt"
    broken = tiny("botan", Workspace(threads=1, progress=Steps(stop_after=3)))
    with pytest.raises(KilledError):
        broken.fit([liquid(1), liquid(2)], checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        tiny("botan").fit([liquid(1), liquid(2)], checkpoint=path)


def test_validation_is_set_aside_by_parent():
    model = tiny("botan", training={"epochs": 1, "validation_fraction": 0.34})
    train = [liquid(i).with_fields(metadata={"parent": f"p{i // 2}"}) for i in range(6)]
    model.fit(train)
    aside = model.provenance_["validated_on"]
    assert len(aside) == 2
    assert len({c.parent for c in train if c.name in aside}) == 1
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


def test_training_settings_not_given_are_those_of_the_model():
    """Asking BOTAN for fewer epochs must not turn its augmentation off."""
    few = BotanSettings(training={"epochs": 3}).training
    assert few == BotanSettings().training.model_copy(update={"epochs": 3})
    assert few.augment


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
