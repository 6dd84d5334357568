"""What a trained model says of its own worth: on the command line, in files and in the card."""

import json
import shutil

import numpy as np
import pytest
import yaml

from glasscast.datasets.dataset import Dataset
from glasscast.models.registry import load_model
from tests.cli.material import LR, snapshot


@pytest.fixture(scope="module")
def widths(liquid, tmp_path_factory):
    """Experiment of a model that two configurations taught how far it errs, and its folder."""
    folder = tmp_path_factory.mktemp("widths")
    record = {
        "train": {"datasets": [str(liquid)], "configurations": ["ka-01", "ka-02"]},
        "calibration": {"datasets": [str(liquid)], "configurations": ["ka-03"]},
        "test": {"datasets": [str(liquid)], "configurations": ["ka-04"]},
        "model": LR,
    }
    path = folder / "e.yaml"
    path.write_text(yaml.safe_dump(record))
    return path, folder / "run"


def test_a_training_learns_how_far_forecasts_err(done, tmp_path, liquid, widths):
    experiment, run = widths
    done("train", experiment, "-o", run)
    model = load_model(run)
    assert model.uncertainty_.on == ("ka-03",)
    (row, *_) = json.loads((run / "uncertainty.json").read_text())  # tried on the test data
    assert row["n_particles"] == 1600
    np.testing.assert_allclose(row["within_68"], 0.68, atol=0.1)
    assert row["deviation"][4] > row["deviation"][0]

    done("export", run, tmp_path / "ready")
    card = (tmp_path / "ready" / "card.md").read_text()
    assert "## Uncertainty" in card
    assert "learned from 1 configurations" in card
    assert load_model(tmp_path / "ready").uncertainty_.on == ("ka-03",)

    done(
        "predict",
        liquid / "ka-04.npz",
        "-m",
        run,
        "-o",
        tmp_path / "f",
        "--format",
        "npz",
        "--no-report",
    )
    with np.load(tmp_path / "f" / "ka-04.npz") as arrays:
        stated = arrays["sd_propensity_t16p5"]
        error = arrays["propensity_t16p5"] - arrays["true_propensity_t16p5"]
    assert stated.shape == error.shape
    assert 0.5 < np.mean(np.abs(error) < stated) < 0.85
    assert stated.max() > 1.2 * stated.min()


def test_a_model_of_old_is_taught_in_place_and_keeps_its_weights(
    done, refused, tmp_path, liquid, widths
):
    experiment, run = widths
    if not run.exists():
        done("train", experiment, "-o", run)
    old = shutil.copytree(run / "model", tmp_path / "old")
    record = json.loads((old / "model.json").read_text())
    bare = {k: v for k, v in record.items() if k not in ("uncertainty", "limits")}
    (old / "model.json").write_text(json.dumps(bare))
    assert load_model(old).uncertainty_ is None
    weights = (old / "weights.safetensors").read_bytes()
    assert "knows its errors from 1 configurations" in done("calibrate", old, experiment)
    assert (old / "weights.safetensors").read_bytes() == weights
    assert json.loads((old / "model.json").read_text()) == record

    settings = yaml.safe_load(experiment.read_text())
    other = tmp_path / "other.yaml"
    settings["train"]["configurations"] = ["ka-01", "ka-04"]
    other.write_text(yaml.safe_dump(settings | {"test": None}))
    refused("calibrate", old, other, says=["'ka-04' as training data"])
    settings["train"]["configurations"] = ["ka-01", "ka-02"]
    settings["calibration"]["configurations"] = ["ka-02"]
    other.write_text(yaml.safe_dump(settings | {"test": None}))
    refused("calibrate", old, other, says=["'ka-02'", "training and the test data"])
    other.write_text(yaml.safe_dump({k: settings[k] for k in ("train", "model")}))
    refused("calibrate", old, other, says=["no configurations that were not trained on"])


def test_without_held_out_data_fits_that_leave_some_out_teach_it(done, tmp_path, liquid, trained):
    model = load_model(trained)
    assert set(model.uncertainty_.on) == set(Dataset.open(liquid).split("train").names)
    assert len(model.uncertainty_.coverage) == 4  # two species, two times
    assert model.limits_ is not None


def test_an_alarm_is_told_and_kept(done, tmp_path, trained):
    said = done("predict", snapshot(tmp_path / "x.npz"), "-m", trained, "-o", tmp_path / "f")
    flat = " ".join(said.split())
    assert "unlike the training: potential energy a particle" in flat
    assert "the forecast is an extrapolation" in flat
