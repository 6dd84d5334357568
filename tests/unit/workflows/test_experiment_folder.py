"""The experiment file in a run folder: complete, enough to repeat the run as it lies."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from glasscast.config import read
from glasscast.models.files import MODEL
from glasscast.models.identity import flat
from glasscast.models.registry import REGISTRY, load_model, settings_class
from glasscast.runtime import Workspace
from glasscast.workflows.experiment_folder import EXPERIMENT, ExperimentFolder
from glasscast.workflows.experiments import BenchmarkExperiment, TrainExperiment
from glasscast.workflows.train import train
from tests.cli.material import contents
from tests.world import World


def weights(folder: Path) -> dict[str, str]:
    return contents(folder / MODEL, "weights.safetensors")


@pytest.mark.parametrize("kind", ["linear", "deep"])
def test_a_run_repeats_from_its_experiment_file_as_it_lies(tmp_path, kind):
    """With data, copies, a liquid's file or weights to start from, all seen from the folder."""
    world = World(tmp_path / "world")
    asked = {
        "train": {"datasets": ["data"], "split": "train"},
        "copies": {"datasets": ["copies"]},
        "validation": {"datasets": ["data"], "split": "validation"},
        "test": {"datasets": ["data"], "split": "test"},
        "model": getattr(world, kind)(),
    }
    for key, path in (("liquid", "own.yaml"), ("initial_weights", "start")):
        if key in asked["model"]:
            asked["model"][key] = path
    (world.folder / "asked.yaml").write_text(yaml.safe_dump(asked))
    first, again = world.folder / "runs" / "first", tmp_path / "again"
    train(world.folder / "asked.yaml", first, workspace=Workspace(1))
    train(first / EXPERIMENT, again, workspace=Workspace(1))
    assert weights(again) == weights(first)
    assert contents(again, "scores.json") == contents(first, "scores.json")
    assert str(tmp_path) not in (first / EXPERIMENT).read_text()
    same = [read(TrainExperiment, run / EXPERIMENT).within(tmp_path) for run in (first, again)]
    assert same[0] == same[1]


def test_a_run_and_its_data_move_together(tmp_path, monkeypatch):
    world = World(tmp_path / "here")
    (world.folder / "asked.yaml").write_text(
        yaml.safe_dump({"train": {"datasets": ["data"]}, "model": world.linear(liquid="own.yaml")})
    )
    made = train(world.folder / "asked.yaml", world.folder / "run", workspace=Workspace(1))
    moved = world.folder.rename(tmp_path / "there")
    before = contents(moved / "run")
    monkeypatch.chdir(moved)
    found = train("run/experiment.yaml", "run", workspace=Workspace(1))
    assert np.array_equal(found.weights_, made.weights_)
    assert contents(moved / "run") == before


@pytest.mark.parametrize("name", REGISTRY)
def test_every_default_is_written_out(tmp_path, name):
    asked = {"train": {"datasets": ["sample"]}, "model": name}
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump(asked))
    experiment = read(TrainExperiment, tmp_path / "asked.yaml")
    ExperimentFolder(tmp_path / "run", experiment)
    written = yaml.safe_load((tmp_path / "run" / EXPERIMENT).read_text())
    assert written.keys() == TrainExperiment.model_fields.keys()
    assert written["model"].keys() == settings_class(name).model_fields.keys()
    assert flat(written)["train.datasets"] == ["sample"]
    assert read(TrainExperiment, tmp_path / "run" / EXPERIMENT) == experiment


def test_a_benchmark_is_written_out_too(tmp_path):
    asked = {"data": {"datasets": [str(tmp_path / "d")]}, "models": {"a": "lr", "b (2)": "botan"}}
    experiment = BenchmarkExperiment(**asked)
    ExperimentFolder(tmp_path / "run", experiment)
    found = read(BenchmarkExperiment, tmp_path / "run" / EXPERIMENT)
    assert found.within(tmp_path) == experiment.within(tmp_path)


def test_paths_are_seen_from_the_folder_or_absolute(tmp_path, monkeypatch):
    def within(folder: Path, dataset: str) -> str:
        asked = TrainExperiment(train={"datasets": [dataset]}, model="lr")
        return str(asked.within(folder).train.datasets[0])

    monkeypatch.chdir(tmp_path)
    assert within(tmp_path / "runs" / "a", "data") == os.path.join("..", "..", "data")
    assert within(Path("runs"), str(tmp_path / "data")) == os.path.join("..", "data")
    assert within(tmp_path, "/no-such/data") == "/no-such/data"
    assert within(tmp_path / "runs", "sample") == "sample"
    (tmp_path / "sample").mkdir()
    assert within(tmp_path / "runs", "sample") == os.path.join("..", "sample")
    (tmp_path / "link").symlink_to(tmp_path / "runs" / "deep" / "er", target_is_directory=True)
    (tmp_path / "runs" / "deep" / "er").mkdir(parents=True)
    seen = within(tmp_path / "link", "data")
    assert (tmp_path / "link").resolve() / seen == tmp_path / "runs/deep/er/../../../data"


def test_a_model_of_a_run_that_moved_is_still_read(tmp_path):
    world = World(tmp_path / "here")
    asked = TrainExperiment(train={"datasets": [world.data]}, model=world.linear())
    made = train(asked, world.folder / "run", workspace=Workspace(1))
    found = load_model((world.folder / "run").rename(tmp_path / "run"))
    assert np.array_equal(found.weights_, made.weights_)
