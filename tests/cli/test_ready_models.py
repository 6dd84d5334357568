"""Ready models: made of a run, listed, shown, called by name, and safe where they do not fit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from glasscast.config import read
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.state_points import StatePoint
from glasscast.errors import InputError, SettingsError
from glasscast.models import files
from glasscast.models.files import model_folder, ready_models
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.workflows.complete import examine
from glasscast.workflows.describe import list_models
from glasscast.workflows.experiments import TrainExperiment
from glasscast.workflows.export import export
from glasscast.workflows.train import train
from tests.cli.material import experiment

NAME = "ka-T0.64-tiny"
#: Reads the energies of the snapshot as it is: it needs the liquid, and no positions to be found.
ENERGY = {"name": "structural", "quantity": "energy", "structure": "positions", "length": 0}


@pytest.fixture(scope="module")
def scored(liquid, tmp_path_factory) -> Path:
    """Folder of a training with scores on unseen configurations."""
    folder = tmp_path_factory.mktemp("scored")
    test = {"datasets": [str(liquid)], "split": "test"}
    path = experiment(folder / "e.yaml", liquid, test=test)
    train(read(TrainExperiment, path), folder / "run", workspace=Workspace(1))
    return folder / "run"


@pytest.fixture(scope="module")
def shelf(scored, tmp_path_factory) -> Path:
    """Folder of ready models with one in it."""
    folder = tmp_path_factory.mktemp("shelf")
    export(scored, folder / NAME, notes=["The tests made it."])
    return folder


@pytest.fixture
def stocked(shelf, monkeypatch) -> Path:
    """Let the program find the ready models there."""
    monkeypatch.setattr(files, "ready_folder", lambda: shelf)
    return shelf


@pytest.fixture
def bare(liquid, tmp_path) -> Path:
    """Unseen snapshot that tells neither liquid nor temperature."""
    path = tmp_path / "bare.npz"
    np.savez(path, **arrays(liquid))
    return path


def arrays(liquid) -> dict[str, np.ndarray]:
    unseen = Dataset.open(liquid)[3]
    return {key: getattr(unseen, key) for key in ("positions", "types", "box")}


def test_a_ready_model_forecasts_like_the_run_it_was_made_of(shelf, scored, liquid):
    whole, small = load_model(scored / "model"), load_model(ready_models(shelf)[NAME])
    unseen = Dataset.open(liquid)[3]
    wanted = whole.predict(unseen).values
    spread = wanted.std(axis=1, keepdims=True)
    error = np.abs(small.predict(unseen).values - wanted) / spread
    assert error.max() < 1e-4  # single precision
    assert small.state_points_ == whole.state_points_
    weights = load_file(shelf / NAME / "weights.safetensors").values()
    assert {array.dtype for array in weights} == {np.dtype(np.float32)}


def test_predict_and_evaluate_take_its_name(done, stocked, bare, liquid, tmp_path):
    call = ("predict", bare, "--format", "npz", "--no-report", "-o")
    done(*call, tmp_path / "name", "-m", NAME)
    done(*call, tmp_path / "folder", "-m", stocked / NAME)
    one, other = (np.load(tmp_path / k / "bare.npz") for k in ("name", "folder"))
    np.testing.assert_array_equal(one["propensity_t16p5"], other["propensity_t16p5"])
    printed = done("evaluate", liquid, "--split", "test", "-m", NAME)
    assert "noise ceiling" in printed


def test_what_lies_on_disk_wins_over_a_ready_model(stocked, tmp_path, monkeypatch, refused, bare):
    monkeypatch.chdir(tmp_path)
    assert model_folder(NAME) == stocked / NAME
    refused("predict", bare, "-m", f"./{NAME}", says=["holds no model"])
    Path(NAME).mkdir()
    refused("predict", bare, "-m", NAME, says=[NAME, "holds no model"])


def test_an_unknown_name_lists_the_ready_models(refused, stocked, bare, liquid, tmp_path):
    for call in (("predict", bare), ("evaluate", liquid)):
        refused(*call, "-m", "ka-T0.46", says=["ka-T0.46: is neither", f"ready: {NAME}"])
    refused("info", "ka-T0.46", says=["ka-T0.46: is neither", f"ready: {NAME}"])
    with pytest.raises(InputError, match="none in this installation"):
        model_folder("ka-T0.46", tmp_path / "absent")


def test_info_lists_them_and_shows_a_card(done, stocked):
    assert NAME in done("info")
    listed = " ".join(list_models(stocked)[0].values())
    for text in (NAME, "liquid ka, T = 0.64, density 1.2", "0.52, 16.5", "lr, reads positions"):
        assert text in listed
    assert done("info", NAME) == (stocked / NAME / "card.md").read_text()
    assert list_models(stocked)[0]["score"].startswith("A: 0.")
    assert list_models(stocked / "nothing") == []


def test_the_card_tells_what_one_must_know(shelf, scored):
    card = (shelf / NAME / "card.md").read_text()
    for text in (
        f"# {NAME}",
        "Valid for: liquid ka, T = 0.64, density 1.2, 80 % A, 20 % B.",
        f"glasscast predict SNAPSHOT --model {NAME}",
        "| train | liquid, split train | 3 |",
        "| test | liquid, split test | 1 |",
        "order: 0",
        "seed: 0",
        "- The tests made it.",
        "numpy",
    ):
        assert text in card
    scores = json.loads((scored / "scores.json").read_text())["scores"]
    for row in (r for r in scores if r["metric"] == "pearson_mean"):
        assert f"| {row['species']} | {row['time']:g} | {row['value']:.3f} |" in card


def test_a_network_tells_what_it_set_aside(done, liquid, tmp_path):
    training = {"epochs": 1, "validation_fraction": 0.3, "device": "cpu"}
    model = {"name": "geo-gnn", "hidden": 4, "triplet_layers": 0, "cutoff": 1.5}
    test = {"datasets": [str(liquid)], "split": "test"}
    path = experiment(tmp_path / "e.yaml", liquid, test=test, model=model | {"training": training})
    done("train", path, "-o", tmp_path / "run")
    done("export", tmp_path / "run", tmp_path / "small")
    card = (tmp_path / "small" / "card.md").read_text()
    assert "| train | liquid, split train | 2 |\n| validation | liquid, split train | 1 |" in card
    unseen = Dataset.open(liquid)[3]
    one, other = (load_model(tmp_path / k).predict(unseen) for k in ("run/model", "small"))
    np.testing.assert_array_equal(one.values, other.values)


def test_a_garbled_state_point_is_named(refused, shelf, bare, tmp_path):
    path = shutil.copytree(shelf / NAME, tmp_path / "copy") / "model.json"
    record = json.loads(path.read_text())
    del record["state_points"][0]["density"]
    path.write_text(json.dumps(record))
    refused("predict", bare, "-m", path.parent, says=[path.parent, "'density'"])
    (path.parent / "card.md").unlink()
    refused("info", path.parent, says=["model.json", "'state_points'", "density"])


def test_runs_whose_records_tell_less_are_completed_from_their_data(scored, shelf, tmp_path):
    old = shutil.copytree(scored, tmp_path / "old")
    for path, key in ((old / "model" / "model.json", "state_points"), (old / "run.json", "data")):
        record = json.loads(path.read_text())
        del record[key]
        record |= {"state_points": []} if key == "state_points" else {}  # as of version 1
        path.write_text(json.dumps(record))
    assert load_model(old / "model").state_points_ == ()
    export(old, tmp_path / NAME, notes=["The tests made it."])
    made, wanted = (folder / NAME / "card.md" for folder in (tmp_path, shelf))
    assert made.read_text() == wanted.read_text()

    settings = yaml.safe_load((old / "experiment.yaml").read_text())
    settings["train"]["datasets"] = [str(tmp_path / "gone")]
    (old / "experiment.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(InputError, match=r"experiment.yaml: names data that .*gone: is not a fold"):
        export(old, tmp_path / NAME)


def test_scores_of_an_evaluation_are_added(done, refused, scored, trained, liquid, tmp_path):
    refused("export", trained, tmp_path / "m", says=[trained, "has no scores.json", "--scores"])
    done("evaluate", liquid, "--split", "test", "-m", trained, "-o", tmp_path / "s")
    scores = tmp_path / "s" / "scores.json"
    printed = done("export", trained, tmp_path / "m", "--scores", scores, "--note", "Not tried.")
    assert f"ready model in {tmp_path / 'm'}, 0.0" in printed
    assert "- Not tried." in done("info", tmp_path / "m")
    refused("export", scored, tmp_path / "n", "--scores", scores, says=[scores, "once more"])
    refused("export", liquid, tmp_path / "n", says=[liquid, "glasscast train"])
    (shutil.copytree(scored, tmp_path / "killed") / "run.json").unlink()
    refused(
        "export", tmp_path / "killed", tmp_path / "n", says=["no record of a finished experiment"]
    )
    assert not (tmp_path / "n").exists()


def test_a_statement_that_contradicts_the_file_is_refused(refused, stocked, liquid, tmp_path):
    call = ("predict", liquid, "-m", NAME, "-o", tmp_path / "f")
    refused(*call, "--temperature", "0.5", says=["says temperature 0.64, not 0.5 (--temperature)"])
    refused(*call, "--liquid", "ka2d", says=["says liquid 'ka', not 'ka2d' (--liquid)"])
    refused(*call, "--density", "1.1", says=["says density 1.2, not 1.1 (--density)"])


def test_a_snapshot_unlike_the_training_is_warned_of(done, stocked, liquid, tmp_path):
    thin = arrays(liquid)
    thin["positions"], thin["box"] = 1.02 * thin["positions"], 1.02 * thin["box"]
    np.savez(tmp_path / "thin.npz", **thin)
    call = ("predict", "-m", NAME, "--no-report", "-o")
    printed = done(*call, tmp_path / "f", tmp_path / "thin.npz")
    assert "warning: " in printed
    assert "thin.npz: density 1.131 (trained on 1.2): the forecast is an extrap" in unwrapped(
        printed
    )
    assert "warning" not in done(*call, tmp_path / "g", liquid)
    colder = unwrapped(done(*call, tmp_path / "h", tmp_path / "thin.npz", "--temperature", "0.5"))
    assert "T = 0.5 (trained on 0.64)" in colder


def unwrapped(printed: str) -> str:
    return " ".join(printed.split())


def test_a_snapshot_of_other_species_is_refused(refused, stocked, liquid, tmp_path):
    call = ("predict", "-m", NAME, "-o", tmp_path / "f")
    known = arrays(liquid)
    for name, types, says in (
        ("pure", 0 * known["types"], "holds no species B, the model was trained on 80 % A, 20 % B"),
        ("more", 2 * known["types"], "holds species C, unknown to the model"),
    ):
        np.savez(tmp_path / f"{name}.npz", **known | {"types": types})
        refused(*call, tmp_path / f"{name}.npz", says=[f"{name}.npz: ", says])
    flat = {"positions": known["positions"][:, :2], "box": known["box"][:2]}
    np.savez(tmp_path / "flat.npz", **known | flat)
    refused(
        *call, tmp_path / "flat.npz", says=["flat.npz: ", "2 dimensions, the model was trained"]
    )


def test_the_liquid_of_the_training_is_assumed_and_said(done, refused, liquid, bare, tmp_path):
    run = tmp_path / "run"
    done("train", experiment(tmp_path / "e.yaml", liquid, model=ENERGY), "-o", run)
    call = ("predict", bare, "-m", run, "--format", "npz", "-o")
    remark = "assumed liquid ka, as the model was trained"
    assert remark in unwrapped(done(*call, tmp_path / "a"))
    assert remark in (tmp_path / "a" / "report.html").read_text()  # among the limits
    assert "assumed" not in done(*call, tmp_path / "b", "--liquid", "ka")
    a, b = (np.load(tmp_path / k / "bare.npz")["propensity_t16p5"] for k in ("a", "b"))
    np.testing.assert_array_equal(a, b)
    forecast = load_model(run / "model").predict(Dataset.open(liquid)[3])
    np.testing.assert_allclose(a, forecast.values[1], rtol=1e-5)

    record = json.loads((run / "model" / "model.json").read_text())
    record["state_points"][0]["liquid"] = "mine"  # a file of one's own, which is not at hand
    (run / "model" / "model.json").write_text(json.dumps(record))
    refused(*call, tmp_path / "c", says=["does not say which liquid"])


def test_the_temperature_of_the_training_is_assumed_for_cages_only(scored, liquid):
    model, found = load_model(scored / "model"), Configuration(name="x", **arrays(liquid))

    def ask(structure, snapshot=found, liquid=None, temperature=None):
        model.settings = model.settings.model_copy(update={"structure": structure})
        needs = examine(model, snapshot, StatePoint.stated(liquid, temperature))
        said.append([text.partition(";")[0] for _, text in needs.remarks])
        return needs.missing, needs.liquid, needs.temperature

    said = []
    assert ask("positions") == ((), None, None)
    assert ask("inherent") == (("inherent",), "ka", None)
    assert ask("cage") == (("cage",), "ka", 0.64)
    assert ask("cage", temperature=0.64, liquid="ka") == (("cage",), "ka", 0.64)
    told = found.with_fields(metadata={"liquid": "ka", "temperature": 0.64})
    assert ask("cage", told) == (("cage",), "ka", 0.64)
    assert said == [[], ["does not tell"], ["does not tell"], [], []]
    model.state_points_ = ()  # as in records of old
    with pytest.raises(SettingsError, match="x: does not say which liquid it is of"):
        ask("cage")
