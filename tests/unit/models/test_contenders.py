"""What sets cage-lr, structural baselines, svm and glass-mlp apart from one another."""

import json

import numpy as np
import pytest
import torch

from glasscast.config import checked
from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError, SettingsError
from glasscast.models.cage_regression import CageRegressionSettings
from glasscast.models.glass_mlp.model import BottleneckNetwork
from glasscast.models.glass_mlp.settings import GlassMlpSettings
from glasscast.models.registry import build, load_model
from glasscast.models.structural import StructuralSettings
from glasscast.models.svm import SvmSettings
from glasscast.progress import Silent
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import TrainExperiment
from tests.relaxed import relaxed
from tests.steps import KilledError, Steps


@pytest.fixture(scope="module")
def liquids():
    return [relaxed(seed, 2) for seed in range(1, 6)]


def fit(settings, train):
    return build(settings, Workspace(threads=1)).fit(train)


def correlation(values, truth):
    return np.corrcoef(values, truth)[0, 1]


def test_the_cage_distance_is_found_where_it_decides(liquids):
    with_it, without = (
        fit(CageRegressionSettings(order=0, folds=2, distance=d), liquids[:4])
        for d in (True, False)
    )
    assert len(with_it.feature_names()) == len(without.feature_names()) + 1
    test, a = liquids[4], liquids[4].types == 0
    scores = [
        correlation(m.predict(test).values[0, a], test.propensity[0, a]) for m in (with_it, without)
    ]
    assert scores[0] > 0.95
    assert scores[1] < scores[0] - 0.2


def test_distances_cross_the_border_of_the_box():
    c = Configuration(
        name="c",
        positions=np.array([[0.1, 5.0]]),
        types=np.zeros(1, np.int8),
        box=np.array([10.0, 10.0]),
        cage=np.array([[9.9, 5.0]]),
    )
    np.testing.assert_allclose(c.displacement_to("cage"), [[-0.2, 0.0]], atol=1e-12)


def test_a_baseline_is_its_quantity_on_a_straight_line(liquids):
    settings = StructuralSettings(quantity="cage-distance", length=0)
    model, test = fit(settings, liquids[:3]), liquids[4]
    assert model.parameter_count() == 2 * 2 * 2  # slope and offset, species, times
    for species in (0, 1):
        mine = test.types == species
        distance = np.linalg.norm(test.displacement_to("cage"), axis=1)[mine]
        forecast = model.predict(test).values[0, mine]
        assert correlation(forecast, distance) == pytest.approx(1, abs=1e-6)
    # The labels are 0.1 + distance + 0.1 * species, to the rounding of single precision.
    np.testing.assert_allclose(model.predict(test).values[0], test.propensity[0], atol=1e-5)


def test_a_coarse_grained_constant_stays_and_a_field_gets_smoother(liquids):
    sharp, smooth = (
        fit(StructuralSettings(quantity="energy", length=length), liquids[:2])
        for length in (0.0, 2.0)
    )
    a, b = sharp.features(liquids[0]), smooth.features(liquids[0])
    assert 0 < b.std() < a.std() / 2
    assert a.min() < b.min() < b.max() < a.max()


def test_a_density_without_a_length_is_refused():
    with pytest.raises(ValueError, match="needs a 'length'"):
        StructuralSettings(quantity="density", length=0)


def test_energies_need_a_known_liquid(liquids):
    unknown = [c.with_fields(metadata={}) for c in liquids[:2]]
    with pytest.raises(ModelError, match="which liquid it is of"):
        fit(StructuralSettings(), unknown)
    named = fit(StructuralSettings(liquid="ka2d"), unknown)
    np.testing.assert_array_equal(
        named.features(unknown[0]),
        fit(StructuralSettings(), liquids[:2]).features(liquids[0]),
    )
    with pytest.raises(SettingsError, match="unknown liquid 'water'"):
        fit(StructuralSettings(liquid="water"), unknown)


def test_softness_is_the_distance_to_the_plane_between_slow_and_fast(liquids):
    settings = SvmSettings(penalties=(0.01,), fraction=0.2)
    model, snapshot = fit(settings, liquids[:4]), liquids[0]
    softness = model.softness(snapshot)
    a = np.flatnonzero(snapshot.types == 0)
    order = a[np.argsort(snapshot.propensity[1, a])]
    slow, fast = softness[1, order[:20]], softness[1, order[-20:]]
    assert fast.mean() > 0.3 > -0.3 > slow.mean()
    # A distance has unit slope along the normal of the plane, in standardised functions.
    slope = model.line_[0, 1, 0]
    z_weights = model.weights_[0, :, 1] / slope
    samples = np.concatenate([model.features(c)[c.types == 0] for c in liquids[:4]])
    assert np.linalg.norm(z_weights * samples.std(axis=0)) == pytest.approx(1, rel=0.3)
    regression = fit(SvmSettings(task="regression", penalties=(0.01,)), liquids[:4])
    with pytest.raises(ModelError, match="no hyperplane"):
        regression.softness(snapshot)
    with pytest.raises(ModelError, match="one training configuration cannot choose"):
        fit(SvmSettings(), liquids[:1])


@pytest.mark.parametrize("task", ["softness", "regression"])
def test_support_vectors_find_what_the_crowd_decides(liquids, task):
    settings = SvmSettings(task=task, penalties=(0.001, 0.01), folds=2)
    model, test, a = fit(settings, liquids[:4]), liquids[4], liquids[4].types == 0
    assert correlation(model.predict(test).values[1, a], test.propensity[1, a]) > 0.5


PHASES = (
    {"loss": "error", "learning_rate": 3e-3, "epochs": 3},
    {"loss": "total", "learning_rate": 1e-3, "epochs": 3},
)


def glass_mlp(progress=None, **changes):
    pytest.importorskip("pyvoro2")
    settings = GlassMlpSettings(**({"phases": PHASES, "rings": (1.0, 2.0)} | changes))
    return build(settings, Workspace(threads=1, progress=progress or Silent()))


def test_every_network_has_the_published_number_of_parameters(liquids):
    model = glass_mlp(phases=PHASES[:1]).fit(liquids[:2])
    network = model.network_
    assert isinstance(network, BottleneckNetwork)
    used = (network.get_buffer("scale") > 0).sum(dim=1)
    unused = 2 * sum(int(192 - u) for u in used) * 2  # two times
    assert used.tolist() == [184, 184]
    assert model.parameter_count() - unused == 2 * 2 * 521


@pytest.mark.parametrize(("steps", "then"), [(4, [2] + 10 * [1]), (8, [6] + 6 * [1])])
def test_a_fit_killed_in_any_phase_resumes_with_identical_bits(liquids, tmp_path, steps, then):
    """Two training configurations: phase 1 has steps 1 to 6, phase 2 steps 7 to 12."""
    data, path = (liquids[:2], liquids[2:3]), tmp_path / "checkpoint.npz"
    whole = glass_mlp().fit(*data, seed=3)
    with pytest.raises(KilledError):
        glass_mlp(Steps(stop_after=steps)).fit(*data, seed=3, checkpoint=path)
    left = Steps()
    resumed = glass_mlp(left).fit(*data, seed=3, checkpoint=path)
    assert left.taken == then  # epochs that were over are taken up, not trained again
    for a, b in zip(resumed.network_.parameters(), whole.network_.parameters(), strict=True):
        assert torch.equal(a, b)
    assert resumed.provenance_ == whole.provenance_
    assert [r.loss for r in resumed.history_] == [r.loss for r in whole.history_]
    assert not list(tmp_path.glob("*.npz"))


def test_a_phase_keeps_the_epoch_of_least_validation_loss(liquids):
    one = ({"loss": "error", "learning_rate": 0.05, "epochs": 8},)
    model = glass_mlp(phases=one).fit(liquids[:2], liquids[2:3])
    losses = [row.validation_loss for row in model.history_]
    assert model.provenance_["best_epoch"] == 1 + int(np.argmin(losses))


def test_the_former_name_of_the_phases_is_told_in_experiments_and_read_in_saved_models(tmp_path):
    record = {"name": "glass-mlp", "stages": list(PHASES), "rings": [1.0, 2.0]}
    with pytest.raises(SettingsError, match="'stages' is called 'phases' now"):
        checked(GlassMlpSettings, record)
    experiment = {"train": {"datasets": ["x"]}, "model": record}
    with pytest.raises(SettingsError, match=r"'model\.stages' is called 'phases' now"):
        checked(TrainExperiment, experiment)
    assert GlassMlpSettings.from_record(record) == GlassMlpSettings(phases=PHASES, rings=(1.0, 2.0))


def test_a_model_saved_under_the_former_name_forecasts_the_same_bits(liquids, tmp_path):
    model = glass_mlp(phases=PHASES[:1]).fit(liquids[:2])
    model.save(tmp_path)
    path = tmp_path / "model.json"
    record = json.loads(path.read_text())
    record["hyperparameters"]["stages"] = record["hyperparameters"].pop("phases")
    path.write_text(json.dumps(record))
    values = load_model(tmp_path).predict(liquids[4]).values
    np.testing.assert_array_equal(values, model.predict(liquids[4]).values)


def test_raw_targets_are_refused():
    with pytest.raises(ValueError, match="normalisation: dataset"):
        GlassMlpSettings(training={"normalisation": "none"})
