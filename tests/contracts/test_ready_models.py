"""What every model that comes with the package promises."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from glasscast.config import read
from glasscast.datasets.dataset import Dataset
from glasscast.errors import MissingExtraError
from glasscast.models.files import CARD, WEIGHTS, read_record, ready_models
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.workflows.calibrate import calibrate
from glasscast.workflows.demo import load_sample
from glasscast.workflows.describe import list_models, size_of
from glasscast.workflows.experiments import TrainExperiment

READY = ready_models()
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=READY)
def name(request):
    return request.param


def test_it_is_small(name):
    assert size_of(READY[name]) < 1e6


def test_it_has_a_state_point_and_a_card_with_scores(name):
    record = read_record(READY[name])
    assert record["state_points"]
    assert record["card"]["scores"]
    card = (READY[name] / CARD).read_text(encoding="utf-8")
    for text in (f"# {name}\n", "Valid for: ", "## Scores", "## Limits"):
        assert text in card
    for row in record["card"]["scores"]:
        assert f"| {row['species']} | {row['time']:g} | {row['value']:.3f} |" in card


def test_it_says_how_sure_it_is_and_what_it_was_trained_on(name):
    model = load_model(READY[name], Workspace(1))
    assert model.limits_.states
    assert not set(model.uncertainty_.on) & {p["name"] for p in model.trained_on_["inputs"]}
    coverage = model.uncertainty_.coverage
    assert np.mean([row["rank_correlation"] for row in coverage]) > 0.03
    for row in coverage:
        assert row["deviation"][4] > row["deviation"][0]  # no constant width
        # Where widths hardly differ, no more can be known of errors: docs/scores.md.
        expected = row.get("rank_expected", row["rank_correlation"])
        assert row["rank_correlation"] == pytest.approx(expected, abs=0.06)
        np.testing.assert_allclose(row["within_68"], 0.68, atol=0.1)
        np.testing.assert_allclose(row["within_95"], 0.95, atol=0.05)


@pytest.mark.slow
def test_what_it_says_of_its_worth_is_what_calibrate_finds(name, tmp_path):
    """Of the experiment that it was trained by, where its data are."""
    experiment = EXAMPLES / f"train-{name}.yaml"
    settings = read(TrainExperiment, experiment)
    for data in (settings.train, settings.test):
        for folder in data.datasets:
            if not Dataset.is_one(folder):
                pytest.skip(f"{folder} is not there")
    copy = shutil.copytree(READY[name], tmp_path / name)
    calibrate(copy, experiment, workspace=Workspace(1))
    assert (copy / WEIGHTS).read_bytes() == (READY[name] / WEIGHTS).read_bytes()
    found, kept = read_record(copy), read_record(READY[name])
    for key in ("deviation", "share", "weights", "scale"):
        np.testing.assert_allclose(
            found["uncertainty"][key], kept["uncertainty"][key], rtol=1e-2, atol=1e-3
        )
    same(found["limits"], kept["limits"])
    assert (copy / CARD).read_text() == (READY[name] / CARD).read_text()


def same(found, kept):
    """Compare JSON values, numbers to five digits."""
    if isinstance(kept, dict):
        assert found.keys() == kept.keys()
        for key, value in kept.items():
            same(found[key], value)
    elif isinstance(kept, list):
        for a, b in zip(found, kept, strict=True):
            same(a, b)
    elif isinstance(kept, float):
        assert found == pytest.approx(kept, rel=1e-5, abs=1e-8)
    else:
        assert found == kept


def test_it_is_listed(name):
    assert name in [row["name"] for row in list_models()]


def test_it_forecasts_the_bundled_sample(name):
    model, snapshot = load_model(READY[name], Workspace(1)), load_sample()[3]
    if model.dimension_ != snapshot.dimension or set(snapshot.species) != set(model.species_):
        pytest.skip("the sample is another mixture")
    try:
        values = model.predict(snapshot).values
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert values.shape == (len(model.times_), snapshot.size)
    finite = np.isfinite(values)
    predicted = [s for s in snapshot.species if finite[:, snapshot.types == s].any()]
    assert predicted
    assert finite[:, np.isin(snapshot.types, predicted)].all()
    assert all(np.ptp(row[finite[0]]) > 0 for row in values)
