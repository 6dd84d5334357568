import json

import numpy as np
import pytest

from glasscast.errors import InputError, ModelError
from glasscast.models import lr as module
from glasscast.models.lr import LinearSettings, ShellAveragedRegression
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.structure.descriptors.shells import RadialShells, ShellDescriptors
from tests.conftest import labelled
from tests.steps import KilledError, Steps


@pytest.fixture(autouse=True)
def _short_shells(monkeypatch):
    """A few shells within the small boxes of the tests; the grid itself is tested elsewhere."""

    def shells(species, radial=None, angular_radii=None):
        return ShellDescriptors(
            species,
            radial=(RadialShells(np.linspace(0.9, 1.7, 9), 0.05),) if radial is None else radial,
            angular_radii=np.array([1.1, 1.5]) if angular_radii is None else angular_radii,
            angular_width=0.1,
            degrees=4,
        )

    monkeypatch.setattr(module, "ShellDescriptors", shells)


def settings(**changes) -> LinearSettings:
    return LinearSettings(**({"order": 1, "shell_cutoff": 1.9, "folds": 3} | changes))


@pytest.fixture(scope="module")
def liquids():
    rng = np.random.default_rng(0)
    return [labelled(rng, f"c{k}") for k in range(6)]


def correlation(model, configuration, species=0):
    mine = configuration.types == species
    forecast = model.predict(configuration).values
    return [
        np.corrcoef(forecast[t, mine], configuration.propensity[t, mine])[0, 1] for t in range(2)
    ]


def test_it_learns_a_propensity_that_its_descriptors_hold(liquids):
    model = ShellAveragedRegression(settings()).fit(liquids[:5])
    assert min(correlation(model, liquids[5])) > 0.9


@pytest.mark.parametrize("select", [None, 4])
def test_forecasts_of_the_training_data_have_its_mean(liquids, select):
    """Least squares with an intercept leaves residuals of mean zero, per species and time."""
    model = ShellAveragedRegression(settings(select=select)).fit(liquids[:4])
    for species in (0, 1):
        left = [
            (model.predict(c).values - c.propensity)[:, c.types == species] for c in liquids[:4]
        ]
        np.testing.assert_allclose(np.concatenate(left, axis=1).mean(axis=1), 0, atol=1e-6)


def test_labels_of_the_snapshot_are_not_looked_at(liquids):
    model = ShellAveragedRegression(settings()).fit(liquids[:5])
    bare = liquids[5].with_fields(propensity=None, propensity_halves=None, times=np.empty(0))
    np.testing.assert_array_equal(model.predict(bare).values, model.predict(liquids[5]).values)


def test_saved_and_loaded_it_forecasts_the_same_bits(liquids, tmp_path):
    model = ShellAveragedRegression(settings(select=5)).fit(liquids[:4])
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.settings == model.settings
    np.testing.assert_array_equal(
        model.predict(liquids[5]).values, again.predict(liquids[5]).values
    )
    kept, found = again.selection_, model.selection_
    assert kept.keys() == found.keys() == {(s, t) for s in (0, 1) for t in (0, 1)}
    for key, chosen in found.items():
        np.testing.assert_array_equal(kept[key].indices, chosen.indices)
        np.testing.assert_allclose(kept[key].correlation, chosen.correlation)


def test_forward_selection_keeps_what_it_takes(liquids):
    model = ShellAveragedRegression(settings(select=3)).fit(liquids[:4])
    chosen = model.selection_[0, 1]
    assert len(chosen.indices) == 3
    assert chosen.correlation.tolist() == sorted(chosen.correlation)
    assert set(np.flatnonzero(model.weights_[0, :, 1])) == set(chosen.indices)


def test_scores_of_the_first_descriptors_equal_models_with_that_many(liquids, tmp_path):
    fitted = ShellAveragedRegression(settings(select=5, penalties=(1.0,))).fit(liquids[:4])
    rows = fitted.selected(liquids[4:])
    assert {(row.species, row.time) for row in rows} == {
        (s, t) for s in (0, 1) for t in (1.0, 10.0)
    }
    row = next(r for r in rows if (r.species, r.time) == (0, 10.0))
    for count, reached in zip(row.counts, row.test, strict=True):
        few = ShellAveragedRegression(settings(select=int(count), penalties=(1.0,))).fit(
            liquids[:4]
        )
        expected = np.mean([correlation(few, c)[1] for c in liquids[4:]])
        assert reached == pytest.approx(expected, abs=1e-5)
    fitted.save(tmp_path)
    with pytest.raises(ModelError, match="a saved model does not hold"):
        load_model(tmp_path).selected(liquids[4:])
    assert ShellAveragedRegression(settings()).fit(liquids[:3]).selected(liquids[4:]) == []


@pytest.mark.parametrize(("kind", "columns"), [("radial", 18), ("angular", 8), ("both", 26)])
def test_settings_choose_the_descriptors(liquids, kind, columns):
    model = ShellAveragedRegression(settings(descriptors=kind, order=2)).fit(liquids[:3])
    assert len(model.feature_names()) == 3 * columns
    assert model.features(liquids[0]).shape == (200, 3 * columns)


class Described(ShellAveragedRegression):
    """Tells which configurations were described, and dies at one of them."""

    def __init__(self, settings, dies_at=None, workspace=None):
        super().__init__(settings, workspace)
        self.dies_at, self.described = dies_at, []

    def features(self, configuration):
        if configuration.name == self.dies_at:
            raise KilledError
        self.described.append(configuration.name)
        return super().features(configuration)


def test_a_killed_fit_resumes_with_identical_bits(liquids, tmp_path):
    whole = ShellAveragedRegression(settings()).fit(liquids[:5])
    path, often = tmp_path / "checkpoint.npz", settings(checkpoint_seconds=0)
    with pytest.raises(KilledError):
        Described(often, dies_at="c3").fit(liquids[:5], checkpoint=path)
    assert path.exists()
    resumed = Described(often).fit(liquids[:5], checkpoint=path)
    assert resumed.described == ["c3", "c4"]
    np.testing.assert_array_equal(resumed.weights_, whole.weights_)
    np.testing.assert_array_equal(resumed.intercept_, whole.intercept_)
    assert not path.exists()


def test_fits_with_families_in_common_describe_each_once_and_change_no_bit(liquids):
    """As the folds of a cross-validation do, whatever the limit of memory."""
    described, workspace = [], Workspace(1)
    for members in ([0, 1, 2, 3], [2, 3, 4, 5], [5, 4, 1, 0]):
        train = [liquids[k] for k in members]
        shared = Described(settings(), workspace=workspace).fit(train)
        described += shared.described
        alone = Described(settings(), workspace=Workspace(1)).fit(train)
        assert np.array_equal(shared.weights_, alone.weights_)
        assert np.array_equal(shared.intercept_, alone.intercept_)
        by_fold = Described(settings(), workspace=Workspace(1, limit=1000)).fit(train)
        np.testing.assert_allclose(by_fold.weights_, alone.weights_, rtol=1e-6, atol=1e-9)
    assert sorted(described) == [c.name for c in liquids]


def test_a_killed_fit_resumes_though_it_had_taken_parts_from_others(liquids, tmp_path):
    path, workspace = tmp_path / "fit.npz", Workspace(1)
    always = settings(checkpoint_seconds=0.0)
    ShellAveragedRegression(always, workspace).fit(liquids[2:4])
    workspace.progress = Steps(stop_after=4)
    with pytest.raises(KilledError):
        ShellAveragedRegression(always, workspace).fit(liquids[:5], checkpoint=path)
    resumed = ShellAveragedRegression(always, Workspace(1)).fit(liquids[:5], checkpoint=path)
    whole = ShellAveragedRegression(always, Workspace(1)).fit(liquids[:5])
    assert np.array_equal(resumed.weights_, whole.weights_)


@pytest.mark.parametrize("other", [{"order": 0}, {"seed": 1}, {"train": "c0 c2 c1 c3 c4"}], ids=str)
def test_a_checkpoint_of_another_fit_is_not_used(liquids, tmp_path, other):
    path, often = tmp_path / "checkpoint.npz", {"checkpoint_seconds": 0}
    order = other.get("train", "c0 c1 c2 c3 c4").split()
    train = sorted(liquids[:5], key=lambda c: order.index(c.name))
    changed = settings(**often, order=other.get("order", 1))
    with pytest.raises(KilledError):
        Described(changed, "c3").fit(train, seed=other.get("seed", 0), checkpoint=path)
    assert path.exists()
    model = Described(settings(**often)).fit(liquids[:5], checkpoint=path)
    assert len(model.described) == 5
    expected = ShellAveragedRegression(settings()).fit(liquids[:5])
    np.testing.assert_array_equal(model.weights_, expected.weights_)


def test_what_does_not_suit_the_model_is_refused(liquids, tmp_path):
    fitted = ShellAveragedRegression(settings()).fit(liquids[:3])
    types = liquids[5].types.copy()
    types[0] = 2
    with pytest.raises(ModelError, match="holds species C, unknown to the model"):
        fitted.predict(liquids[5].with_fields(types=types))
    with pytest.raises(ModelError, match="is not fitted"):
        ShellAveragedRegression(settings()).predict(liquids[0])
    with pytest.raises(ModelError, match="has no 'nonaffine' to learn from"):
        ShellAveragedRegression(settings(target="nonaffine")).fit(liquids[:3])
    with pytest.raises(ModelError, match="one training configuration cannot choose"):
        ShellAveragedRegression(settings()).fit(liquids[:1])
    with pytest.raises(ModelError, match="has no 'cage' positions"):
        ShellAveragedRegression(settings(structure="cage")).fit(liquids[:3])
    later = liquids[1].with_fields(times=np.array([1.0, 20.0]))
    with pytest.raises(ModelError, match="labels at t ="):
        ShellAveragedRegression(settings()).fit([liquids[0], later])


def test_one_configuration_and_one_penalty_suffice(liquids):
    model = ShellAveragedRegression(settings(penalties=(10.0,))).fit(liquids[:1])
    assert np.isfinite(model.predict(liquids[1]).values).all()


def test_a_damaged_model_is_refused(liquids, tmp_path):
    ShellAveragedRegression(settings()).fit(liquids[:3]).save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text())
    weights = (tmp_path / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(weights[:-8])
    with pytest.raises(InputError, match=r"does not belong to model\.json"):
        load_model(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(weights)
    del record["penalty"]
    (tmp_path / "model.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="no complete linear model"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="holds no model"):
        load_model(tmp_path / "nowhere")
