"""Repeats, sweeps, networks a time and pretraining: what is trained, shared, taken up, shown."""

import csv
import json

import numpy as np
import pytest

from glasscast.config import checked
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.kept import read_kept
from glasscast.errors import SettingsError
from glasscast.evaluation.score_table import read_scores
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.workflows.benchmark import benchmark
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.train import train
from tests.cli.material import contents
from tests.steps import KilledError, Steps
from tests.world import World

TRAINING = {"epochs": 2, "device": "cpu", "validation_fraction": 0}
BOTAN = {"name": "botan", "cutoff": 1.4, "hidden": 8, "rounds": 1, "training": TRAINING}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def asked(world: World, **changes) -> dict:
    data = {"datasets": [str(world.data)]}
    return {
        "data": {**data, "split": "train"},
        "test": {**data, "configurations": ["held", "scored"]},
        "models": {"m": BOTAN},
    } | changes


def forecasts(out, label: str) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted((out / "forecasts" / label).glob("*.npz")):
        arrays = read_kept(path).arrays
        found[path.stem] = np.concatenate([arrays["values"].ravel(), arrays["bond_change"].ravel()])
    return found


def trained(out) -> set[str]:
    return {path.name for path in (out / "forecasts").iterdir()}


def table(path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_repeats_show_median_worst_and_best_and_resume(world, tmp_path):
    models = {"m": BOTAN, "density": {"name": "structural", "quantity": "density", "folds": 2}}
    experiment = asked(world, seeds=[5, 6, 7], models=models)
    workspace = Workspace(1, progress=Steps(stop_after=10))
    with pytest.raises(KilledError):
        benchmark(experiment, tmp_path / "a", report=False, workspace=workspace)
    assert "m--seed-5" in trained(tmp_path / "a")
    assert "m--seed-7" not in trained(tmp_path / "a")
    result = benchmark(experiment, tmp_path / "a")
    whole = benchmark(experiment, tmp_path / "b", report=False)
    marks = {f"{label}--seed-{seed}" for label in models for seed in (5, 6, 7)}
    assert trained(tmp_path / "a") == marks
    for name in marks & {m for m in marks if m.startswith("m")}:
        again = forecasts(tmp_path / "b", name)
        for key, values in forecasts(tmp_path / "a", name).items():
            assert np.array_equal(values, again[key])
    assert result.scores.to_json() == whole.scores.to_json()
    assert read_scores(tmp_path / "a" / "scores.json").to_json() == whole.scores.to_json()
    single = {}
    for row in table(tmp_path / "a" / "seeds.csv"):
        place = row["model"], row["target"], row["species"], float(row["time"]), row["metric"]
        single.setdefault(place, []).append(float(row["value"]))
    for row in result.scores:
        values = single[row.model, row.target, row.species, row.time, row.metric]
        assert row.trainings == len(values) == 3
        assert row.value == np.median(values)
        low, high = sorted(values)[0], sorted(values)[-1]
        assert (row.worst, row.best) == ((high, low) if row.metric == "rmse" else (low, high))
        assert row.spread == pytest.approx(np.std(values, ddof=1))
        if row.model == "density":  # hardly anything random in it
            assert row.spread < 1e-6
    named = {row["model"] for row in table(tmp_path / "a" / "uncertainty.csv")}
    assert named == {"m", "density", "m, mean of 3", "density, mean of 3"}
    page = (tmp_path / "a" / "report.html").read_text()
    assert "in 3 trainings" in page
    assert "Of several trainings the median" in page


@pytest.mark.slow
def test_a_sweep_shares_what_the_model_is_already(world, tmp_path):
    values = [0.0, 0.4, 1.0]
    experiment = asked(world, sweep={"setting": "node_weight", "values": values})
    result = benchmark(experiment, tmp_path / "run")
    assert trained(tmp_path / "run") == {"m", "m--node_weight=0.0", "m--node_weight=1.0"}
    assert list(result.swept) == ["0.0", "0.4", "1.0"]
    assert result.swept["0.4"].to_json() == result.scores.to_json()
    assert result.swept["0.0"].values_of("target") == ["bond_change"]
    assert result.swept["1.0"].values_of("target") == ["propensity"]
    alone = asked(world, models={"m": BOTAN | {"node_weight": 1.0}})
    assert benchmark(alone, report=False).scores.to_json() == result.swept["1.0"].to_json()
    rows = table(tmp_path / "run" / "sweep.csv")
    assert {row["node_weight"] for row in rows} == {"0.0", "0.4", "1.0"}
    assert (tmp_path / "run" / "figures" / "sweep_1.png").exists()


@pytest.mark.slow
def test_settings_within_settings_and_lists_are_swept_too(world, tmp_path):
    models = {
        "m": BOTAN,
        "lr": {"name": "structural", "quantity": "density", "penalties": [1.0], "folds": 2},
    }
    sweep = {"setting": "training.learning_rate", "values": [1e-3, 1e-2]}
    result = benchmark(asked(world, models=models, sweep=sweep), tmp_path / "a", report=False)
    assert result.swept["0.01"].values_of("model") == ["m"]  # the other has no such setting
    sweep = {"setting": "penalties", "values": [[1.0], [10.0, 1.0]], "models": ["lr"]}
    result = benchmark(asked(world, models=models, sweep=sweep), tmp_path / "b", report=False)
    assert list(result.swept) == ["[1.0]", "[10.0,1.0]"]


def test_a_network_a_time_is_that_trained_on_this_time_alone(world, tmp_path):
    result = benchmark(asked(world, per_time=["m"]), tmp_path / "run", report=False)
    assert trained(tmp_path / "run") == {"m--t-1", "m--t-10"}
    assert result.scores.values_of("time") == [1.0, 10.0]
    assert result.comparison.rows[0].parameters == 2 * count(world, tmp_path, 1.0)
    for time in (1.0, 10.0):
        experiment = asked(world)
        for key in ("data", "test"):
            experiment[key] = experiment[key] | {"times": [time]}
        alone = benchmark(experiment, tmp_path / f"{time:g}", report=False)
        assert alone.scores.to_json() == result.scores.select(time=time).to_json()


def count(world, tmp_path, time: float) -> float:
    experiment = asked(world)
    for key in ("data", "test"):
        experiment[key] = experiment[key] | {"times": [time]}
    return benchmark(experiment, tmp_path / "count", report=False).comparison.rows[0].parameters


@pytest.mark.slow
@pytest.mark.parametrize("each", [False, True])
def test_pretraining_sees_the_training_configurations_alone(world, tmp_path, each):
    data = {"datasets": [str(world.data)], "configurations": ["c0", "c1", "scored"]}
    pretraining = {
        "times": [1.0],
        "model": BOTAN | {"node_weight": 0.0},
        "models": ["m"],
        "each_seed": each,
    }
    experiment = asked(
        world,
        data=data | {"times": [10.0]},
        test=None,
        folds=3,
        seeds=[1, 2],
        pretraining=pretraining,
        models={"m": BOTAN, "bare": BOTAN},
    )
    steps = Steps()
    benchmark(experiment, tmp_path / "run", report=False, workspace=Workspace(1, progress=steps))
    folders = sorted((tmp_path / "run" / "pretraining").iterdir())
    assert len(folders) == (6 if each else 3)
    held = [name for fold in json.loads((tmp_path / "run" / "run.json").read_text())["fits"]
            for name in fold]  # fmt: skip
    assert sorted(held) == ["c0", "c1", "scored"]
    for folder in folders:
        record = json.loads((folder / "model.json").read_text())
        fold = int(folder.name.split("-")[1])
        seen = {entry["name"].split(".")[0] for entry in record["trained_on"]["inputs"]}
        assert seen == {"c0", "c1", "scored"} - {held[fold]}
        assert record["stages"]["values"] == [1.0]
    started, bare = (forecasts(tmp_path / "run", f"{label}--seed-1") for label in ("m", "bare"))
    assert all(not np.array_equal(started[name], bare[name]) for name in bare)
    done = len(steps.taken)
    benchmark(experiment, tmp_path / "run", report=False, workspace=Workspace(1, progress=steps))
    assert len(steps.taken) - done == 12  # fits looked at, nothing trained


def test_forecasts_of_a_batch_are_made_anew_as_one(world, tmp_path):
    """A snapshot alone is forecast otherwise; one forecast of two that is lost comes back."""
    eignn = {"name": "eignn-cage", "cutoff": 1.4, "hidden": 4, "layers": 1, "energy": "none",
             "training": TRAINING}  # fmt: skip
    models = {"alone": eignn, "two": eignn | {"forecast_batch": 2}}
    benchmark(asked(world, models=models), tmp_path, report=False)
    alone, two = (read(tmp_path, label) for label in models)
    assert all(not np.array_equal(alone[name], two[name]) for name in alone)
    (tmp_path / "forecasts" / "two" / "held.npz").unlink()
    benchmark(asked(world, models=models), tmp_path, report=False)
    for name, values in read(tmp_path, "two").items():
        assert np.array_equal(values, two[name])


def read(out, label: str) -> dict[str, np.ndarray]:
    paths = (out / "forecasts" / label).glob("*.npz")
    return {path.stem: read_kept(path).arrays["values"] for path in paths}


def test_a_training_starts_from_its_own_pretraining_and_resumes(world, tmp_path):
    """Killed in the pretraining, and in the training: the same bytes; fits in turn have theirs."""
    experiment = {
        "train": {"datasets": [str(world.data)], "split": "train", "times": [10.0]},
        "pretraining": {"times": [1.0], "model": BOTAN | {"node_weight": 0.0}},
        "model": BOTAN,
    }
    for stop in (3, 9):
        with pytest.raises(KilledError):
            train(experiment, tmp_path / "a", workspace=Workspace(1, progress=Steps(stop)))
        assert (tmp_path / "a/pretraining/all/model.json").exists() == (stop == 9)
    train(experiment, tmp_path / "a")
    train(experiment, tmp_path / "b")
    made = [contents(tmp_path / name, "*.safetensors") for name in ("a", "b")]
    assert made[0] == made[1]
    assert set(made[0]) == {
        "model/weights.safetensors",
        *(
            f"pretraining/{name}/weights.safetensors"
            for name in ("all", "fold-0", "fold-1", "fold-2")
        ),
    }
    seen = [set(names_trained_on(tmp_path / "a/pretraining" / f"fold-{k}")) for k in range(3)]
    assert sorted([{"c0", "c1", "c2"} - each for each in seen], key=min) == [{"c0"}, {"c1"}, {"c2"}]
    record = json.loads((tmp_path / "a/pretraining/all/model.json").read_text())
    assert record["stages"]["values"] == [1.0]
    bare = train({**experiment, "pretraining": None})
    scored = Dataset.open(world.data).split("test").at_times([10.0])[0]
    ours = load_model(tmp_path / "a/model").predict(scored)
    assert not np.array_equal(ours.bond_change, bare.predict(scored).bond_change)
    experiment["pretraining"]["model"] = BOTAN
    with pytest.raises(SettingsError, match=r"another experiment: 'pretraining.model.node_weight'"):
        train(experiment, tmp_path / "a")
    with pytest.raises(SettingsError, match="'model' is a 'lr', which starts from none"):
        train({**experiment, "model": "lr"})


def names_trained_on(folder) -> list[str]:
    record = json.loads((folder / "model.json").read_text())
    return [entry["name"].split(".")[0] for entry in record["trained_on"]["inputs"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sweep": {"setting": "nodes", "values": [1]}}, "no model has the setting 'nodes'"),
        (
            {"sweep": {"setting": "node_weight", "values": [2]}},
            "2 for 'm': 'node_weight': Input should be less than or equal to 1",
        ),
        (
            {"sweep": {"setting": "order", "values": [2], "models": ["m"]}},
            r"'m' \(botan\) has no setting 'order'",
        ),
        ({"sweep": {"setting": "rounds", "values": [2], "models": ["n"]}}, "sweep names 'n'"),
        ({"per_time": ["n"]}, "per_time names 'n'"),
        ({"seeds": [1, 1]}, "seeds: each once"),
        ({"models": {"a--b": "lr"}}, "label 'a--b' holds '--'"),
        (
            {"models": {"m": "lr"}, "pretraining": {"model": BOTAN, "models": ["m"]}},
            "'m' is a 'lr', which starts from none",
        ),
        (
            {"models": {"m": BOTAN | {"initial_weights": "w.pth"}},
             "pretraining": {"model": BOTAN, "models": ["m"]}},
            "'m' has 'initial_weights' already",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out_is_refused(world, changes, words):
    with pytest.raises(SettingsError, match=words):
        checked(BenchmarkExperiment, asked(world, **changes))
