"""Whatever is wrong with an input: exit code 2 and one line that names it, never a traceback."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from glasscast.config import read
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.ownership import visible
from glasscast.models.registry import load_model
from glasscast.runtime import Workspace
from glasscast.workflows.experiments import TrainExperiment
from glasscast.workflows.train import train
from tests.cli.material import LR, botan_arrays, botan_folder, contents, experiment, snapshot, trap

BOTAN = "isoconfig_N120T0.44_1_tc01.npz"
#: Positions of a flat system.
FLAT = np.random.default_rng(0).random((400, 2)) * 30


def without(key):
    return lambda arrays: arrays.pop(key)


def spoil(key, value, index):
    def change(arrays):
        arrays[key] = arrays[key].copy()
        arrays[key][index] = value

    return change


def swap(key, make):
    return lambda arrays: arrays.update({key: make(arrays[key])})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("types"), "lacks the key 'types'; it holds initial_positions, positions"),
        (swap("types", lambda a: a.astype(float)), "'types' must hold integers, got dtype float64"),
        (swap("types", lambda a: a[:-1]), "'types' must have shape (120,), got (119,)"),
        (swap("types", lambda a: a - 1), "'types' must count species from 0"),
        (
            swap("initial_positions", lambda a: a.astype(str)),
            "'initial_positions' must hold numbers",
        ),
        (swap("initial_positions", lambda a: a[0]), "'initial_positions' must have shape (N, 2"),
        (swap("positions", lambda a: a[0]), "'positions' must be numbers of shape (trajectories"),
        (swap("positions", lambda a: a[:, 1:]), "must have shape (120, 3) like the initial"),
        (swap("positions", lambda a: a[:0]), "'positions' holds no trajectory"),
        (spoil("initial_positions", np.nan, (7, 1)), "'initial_positions' is not finite for part"),
        (spoil("positions", np.inf, (2, 9, 0)), "'positions of trajectory 2' is not finite for"),
        (
            spoil("initial_positions", 1e6, 5),
            "particle 5 at [1000000.0, 1000000.0, 1000000.0] lies",
        ),
        (spoil("positions", -1e6, (1, 4)), "'positions of trajectory 1': particle 4 at"),
        (swap("positions", lambda a: a.astype(object)), "holds Python objects, which could run"),
    ],
)
def test_a_bad_array_is_named(refused, tmp_path, change, says):
    arrays = botan_arrays()
    change(arrays)
    np.savez(tmp_path / BOTAN, **arrays)
    refused("import", tmp_path, tmp_path / "out", says=[BOTAN, says])
    assert not (tmp_path / "out" / "dataset.json").exists()


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_archive_is_named(refused, tmp_path, trained, kept):
    whole = (botan_folder(tmp_path / "in", 1, 1) / BOTAN).read_bytes()
    (tmp_path / "in" / BOTAN).write_bytes(whole[: int(kept * len(whole))])
    says = [BOTAN, "is truncated or not an npz file", "copy it again"]
    refused("import", tmp_path / "in", tmp_path / "out", says=says)
    refused("predict", tmp_path / "in" / BOTAN, "-m", trained, "-o", tmp_path / "f", says=says)
    refused("info", tmp_path / "in" / BOTAN, says=says)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"types": np.arange(400) % 3}, "holds species C, unknown to the model"),
        ({"box": None}, "lacks the key 'box'; add it, or give the number density"),
        ({"positions": None}, "is of no known format from its keys box, types"),
        ({"positions": np.full((400, 3), np.nan)}, "'positions' is not finite for particle 0"),
        ({"positions": np.full((400, 3), 1e7)}, "lies outside any box of sides"),
        ({"positions": np.zeros((400, 3, 1))}, "'positions' must have shape (N, 2 or 3)"),
        ({"box": np.array([0.0, 1, 1])}, "'box' sides must be positive"),
        ({"box": np.array(["a"])}, "'box' must be one or 3 numbers"),
        ({"types": np.zeros(400)}, "'types' must hold integers"),
        ({"positions": FLAT, "box": np.full(2, 30.0)}, "has 2 dimensions"),
    ],
)
def test_a_snapshot_that_cannot_be_forecast_is_named(refused, tmp_path, trained, changes, says):
    path = snapshot(tmp_path / "x.npz", **changes)
    refused("predict", path, "-m", trained, "-o", tmp_path / "f", says=[path, says])
    assert not list(tmp_path.glob("f/*.xyz"))


def test_a_malicious_pickle_is_not_run(refused, tmp_path, trained):
    created = tmp_path / "created"
    path = trap(tmp_path / "x.pickle", created)
    says = [path, "asks for the global 'pathlib", "which could run code", "refused"]
    refused("import", path, tmp_path / "out", says=says)
    refused("predict", path, "-m", trained, "-o", tmp_path / "f", says=says)
    refused("info", path, says=says)
    hidden = snapshot(tmp_path / "y.npz", positions=np.array([trap_object(created)], dtype=object))
    refused("predict", hidden, "-m", trained, "-o", tmp_path / "f", says=[hidden, "Python objects"])
    assert not created.exists()


def trap_object(created):
    from tests.cli.material import Touch

    return Touch(created)


def test_altered_data_are_refused(refused, done, tmp_path, liquid, trained):
    copy = shutil.copytree(liquid, tmp_path / "copy")
    done("info", copy, "--verify")
    damaged = copy / "ka-02.npz"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    says = [damaged, "differs from the checksum in dataset.json"]
    refused("info", copy, "--verify", says=says)
    refused("evaluate", copy, "-m", trained, "--split", "train", says=says)
    refused("predict", copy, "-m", trained, "-o", tmp_path / "f", says=says)
    refused("train", experiment(tmp_path / "e.yaml", copy), "-o", tmp_path / "run", says=says)
    damaged.write_bytes(content[:-1])
    refused("info", copy, says=[damaged, "bytes, not the", "import or simulate it again"])
    damaged.unlink()
    refused("info", copy, says=[damaged, "is named in dataset.json but missing"])


def test_a_damaged_model_is_refused(refused, tmp_path, liquid, trained):
    copy = shutil.copytree(trained, tmp_path / "copy")
    weights = copy / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    refused("evaluate", liquid, "-m", copy, says=[weights, "does not belong to model.json"])
    (copy / "model" / "model.json").write_text("{")
    refused("evaluate", liquid, "-m", copy, says=["model.json", "is not readable JSON"])
    refused("info", copy, says=["model.json", "is not readable JSON"])


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_or_missing_folder_is_named(refused, tmp_path, liquid, trained, there):
    path = tmp_path / "nothing"
    if there:
        path.mkdir()
    run = tmp_path / "run"
    refused("import", path, tmp_path / "out", says=[path])
    refused("info", path, says=[path])
    refused("predict", path, "-m", trained, "-o", tmp_path / "f", says=[path])
    refused("evaluate", path, "-m", trained, says=[path, "glasscast import"])
    refused("evaluate", liquid, "-m", path, says=[path, "holds no model", "train one first"])
    refused("predict", liquid, "-m", path, says=[path, "holds no model"])
    refused("train", experiment(tmp_path / "e.yaml", path), "-o", run, says=[path, "import"])


def test_mixed_state_points_are_refused(refused, tmp_path, trained):
    botan_folder(tmp_path / "in", 1, 2, temperature=0.44)
    botan_folder(tmp_path / "in", 1, 2, temperature=0.50)
    out = tmp_path / "out"
    says = [out, "mixes state points: 'temperature' is 0.44 for", "0.5 for", "folder of its own"]
    refused("import", tmp_path / "in", out, says=says)
    refused("evaluate", out, "-m", trained, says=[out, "has no dataset.json"])


def test_files_of_no_known_format_are_refused(refused, tmp_path, trained):
    path = tmp_path / "x.xyz"
    path.write_text("nonsense\n")
    refused("predict", path, "-m", trained, "-o", tmp_path / "f", says=[path, "of no known format"])
    refused("import", path, tmp_path / "out", says=[path, "of no known format"])
    botan_folder(tmp_path / "in", 1, 1)
    refused(
        "import", tmp_path / "in", tmp_path / "out", "--format", "bota", says=["'bota'", "botan"]
    )
    bare = snapshot(tmp_path / "s.npz")
    refused("import", bare, tmp_path / "out", says=[bare, "is a bare snapshot"])


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("density=-1", "'density': Input should be greater than 0"),
        ("density", "expected key=value, got 'density' (--option)"),
        ("density=[", "density: '[' is not a YAML value (--option)"),
        ("tags={7: abc}", "'tags.7': Input should be a valid number"),
        ("tags={seven: 1}", "'tags.seven"),
        ("dimension=4", "'dimension': Input should be 2 or 3"),
        ("timestp=0.01", "unknown key 'timestp'; did you mean 'timestep'?"),
        ("timestep=0.01", "has no option 'timestep'; it has tags, density, wrapped"),
    ],
)
def test_a_bad_reader_option_is_named(refused, tmp_path, option, says):
    botan_folder(tmp_path / "in", 1, 1)
    refused("import", tmp_path / "in", tmp_path / "out", "--option", option, says=[says])


def no_room(monkeypatch, after: int) -> None:
    """Let the disk be full once some files have been written."""
    count = 0

    def fsync(descriptor):
        nonlocal count
        count += 1
        if count > after:
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_full_disk_during_import_leaves_nothing_half_written(
    refused, done, tmp_path, monkeypatch, after
):
    source, out = botan_folder(tmp_path / "in"), tmp_path / "out"
    with monkeypatch.context() as patch:
        no_room(patch, after)
        refused("import", source, out, says=[out, "cannot be written (No space left on device)"])
    assert len(visible(out) if out.exists() else []) == max(after - 1, 0)  # whose it is comes first
    refused("info", out, says=[out])
    assert "2 configurations" in done("import", source, out)
    assert "2 configurations" in done("import", source, tmp_path / "whole", "--name", "out")
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("after", range(4))
def test_a_full_disk_during_training_leaves_nothing_half_written(
    refused, done, tmp_path, liquid, trained, monkeypatch, after
):
    path, run = experiment(tmp_path / "e.yaml", liquid), tmp_path / "run"
    with monkeypatch.context() as patch:
        no_room(patch, after)
        refused("train", path, "-o", run, says=[run, "cannot be written (No space left on device)"])
    assert not (run / "run.json").exists()
    assert not list(run.rglob("*.partial"))
    if after < 3:  # experiment.yaml, weights.safetensors, model.json, run.json
        refused("evaluate", liquid, "-m", run, says=["holds no model"])
    done("train", path, "-o", run)
    assert contents(run / "model") == contents(trained / "model")


@pytest.mark.parametrize("suffix", ["xyz", "gsd", "npz"])
def test_a_full_disk_during_prediction_leaves_nothing_half_written(
    refused, done, tmp_path, trained, monkeypatch, suffix
):
    path, out = snapshot(tmp_path / "x.npz"), tmp_path / "f"
    call = ("predict", path, "-m", trained, "-o", out, "--format", suffix, "--no-report")
    with monkeypatch.context() as patch:
        no_room(patch, 0)
        refused(*call, says=[out, "cannot be written"])
    assert not out.exists()
    done(*call)
    assert [file.name for file in visible(out)] == [f"x.{suffix}"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sed": 1}, "unknown key 'sed'; did you mean 'seed'?"),
        ({"model": LR | {"ordr": 1}}, "ordr'; did you mean 'order'?"),
        ({"model": "lrr"}, "there is no model 'lrr'; did you mean 'lr'?"),
        ({"model": {"order": 1}}, "a model needs a 'name'"),
        ({"model": 3}, "'model"),
        ({"model": LR | {"order": 9}}, "order': Input should be less than or equal to 5"),
        ({"seed": -1}, "'seed': Input should be greater than or equal to 0"),
        ({"seed": "x"}, "'seed': Input should be a valid integer"),
        ({"train": {"datasets": []}}, "'train.datasets'"),
        ({"train": None}, "'train'"),
    ],
)
def test_a_bad_setting_is_named_with_its_file(refused, tmp_path, liquid, changes, says):
    path = experiment(tmp_path / "e.yaml", liquid, **changes)
    refused("train", path, "-o", tmp_path / "run", says=[path, says])
    assert not (tmp_path / "run").exists()


def test_a_misspelt_model_of_a_benchmark_is_named(refused, tmp_path, liquid):
    path = tmp_path / "b.yaml"
    record = {"data": {"datasets": [str(liquid)]}, "models": {"a": "lr", "b": "botn"}}
    path.write_text(yaml.safe_dump(record))
    refused("benchmark", path, "-o", tmp_path / "r", says=[path, "'botn'; did you mean 'botan'?"])
    path.write_text(yaml.safe_dump(record | {"models": {"../x": "lr"}}))
    refused("benchmark", path, "-o", tmp_path / "r", says=[path, "../x"])
    path.write_text(yaml.safe_dump(record | {"models": {"a": "lr"}, "modls": {}}))
    refused("benchmark", path, "-o", tmp_path / "r", says=[path, "did you mean 'models'?"])


def test_initial_weights_are_seen_from_the_file_that_names_them(refused, tmp_path, liquid):
    """And are missed before any work, not when their model gets its turn."""
    path = tmp_path / "b.yaml"
    models = {"a": "lr", "b": {"name": "botan", "initial_weights": "weights/w.pth"}}
    record = {"data": {"datasets": [str(liquid)]}, "folds": 2, "models": models}
    path.write_text(yaml.safe_dump(record))
    wanted = tmp_path / "weights" / "w.pth"
    refused("benchmark", path, "-o", tmp_path / "r", says=[wanted, "'initial_weights' names it"])
    assert not (tmp_path / "r").exists()


def test_a_refused_training_leaves_its_folder_free(refused, tmp_path, liquid):
    """Nothing is made of settings with which nothing was done."""
    path, run = tmp_path / "e.yaml", tmp_path / "run"
    experiment(path, liquid, model={"name": "nt-gnn", "initial_weights": "absent.npz"})
    refused("train", path, "-o", run, says=[tmp_path / "absent.npz", "'initial_weights' names it"])
    assert not run.exists()
    train(read(TrainExperiment, experiment(path, liquid)), run, workspace=Workspace(1))
    assert (run / "run.json").exists()


def test_yaml_numbers_without_a_point_are_numbers(tmp_path, liquid):
    """YAML 1.1 takes 1e-3 for text; whoever writes it means the number."""
    path = tmp_path / "e.yaml"
    path.write_text(
        f"train: {{datasets: [{liquid}], times: [1e-1]}}\n"
        "model: {name: lr, penalties: [1e-3, 1e2], shell_cutoff: 2e0}\n"
    )
    settings = read(TrainExperiment, path, ["model.shell_cutoff=3e0"])
    assert settings.model.penalties == (0.001, 100.0)
    assert settings.model.shell_cutoff == 3.0
    assert settings.train.times == (0.1,)


def test_reader_options_without_a_point_are_numbers(done, tmp_path):
    botan_folder(tmp_path / "in", 1, 1)
    done("import", tmp_path / "in", tmp_path / "a", "--option", "density=12e-1", "--name", "x")
    done("import", tmp_path / "in", tmp_path / "b", "--option", "density=1.2", "--name", "x")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"a: [1, 2", "is not valid YAML"),
        (b"a: !!python/object/apply:os.system [true]", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not"),
        (b"- 1\n- 2\n", "must hold keys and values"),
        (b"", "must hold keys and values"),
        (b"1: 2\n", "the key 1 is not text"),
    ],
)
@pytest.mark.parametrize("command", ["train", "benchmark"])
def test_a_file_that_is_no_experiment_is_named(refused, tmp_path, command, content, says):
    path = tmp_path / "e.yaml"
    if content is not None:
        path.write_bytes(content)
    refused(command, path, "-o", tmp_path / "run", says=[path, says])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("seed", "expected key=value, got 'seed' (--set)"),
        ("=3", "expected key=value, got '=3' (--set)"),
        ("seed=[", "seed: '[' is not a YAML value (--set)"),
        ("seed.x=3", "seed.x: there is nothing to set under 'seed' (--set)"),
        ("model.oder=3", "did you mean 'order'?"),
        ("train.times=[9.25]", "has no time 9.25; its times: 0.52, 16.5"),
        ("train.split=tran", "has no split 'tran'; its splits: train, test"),
    ],
)
def test_a_bad_override_is_named(refused, tmp_path, liquid, override, says):
    path = experiment(tmp_path / "e.yaml", liquid, seed=1)
    refused("train", path, "-o", tmp_path / "run", "--set", override, says=[says])


def test_a_run_folder_of_another_experiment_is_kept(refused, tmp_path, liquid, trained):
    copy = shutil.copytree(trained, tmp_path / "copy")
    before = contents(copy)
    path = experiment(tmp_path / "e.yaml", liquid)
    says = [
        copy,
        "another experiment: 'seed' was 0, is 1; choose another folder or delete it (--out)",
    ]
    refused("train", path, "-o", copy, "--set", "seed=1", says=says)
    assert contents(copy) == before


def test_a_file_in_the_place_of_the_results_is_kept(refused, tmp_path, liquid, trained):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    botan_folder(tmp_path / "in", 1, 1)
    refused("import", tmp_path / "in", taken, says=[taken])
    refused("train", experiment(tmp_path / "e.yaml", liquid), "-o", taken, says=[taken])
    refused("predict", snapshot(tmp_path / "x.npz"), "-m", trained, "-o", taken, says=[taken])
    assert taken.read_text() == "mine"


def test_training_data_are_no_test_data(refused, tmp_path, liquid):
    again = {"datasets": [str(liquid)]}
    says = ["'ka-01' is in the training and the test data", "splits that do not overlap"]
    path = experiment(tmp_path / "e.yaml", liquid, test=again)
    refused("train", path, "-o", tmp_path / "run", says=says)
    record = {"data": again | {"split": "train"}, "test": again, "models": {"lr": LR}}
    path.write_text(yaml.safe_dump(record))
    refused("benchmark", path, "-o", tmp_path / "b", says=says)


def test_data_without_labels_cannot_train_or_score(refused, tmp_path, liquid, trained):
    from glasscast.datasets.writer import DatasetWriter

    bare = DatasetWriter(tmp_path / "bare")
    for configuration in Dataset.open(liquid)[:2]:
        nothing = dict.fromkeys(k for k, _ in configuration.arrays() if k not in KEPT)
        bare.add(configuration.with_fields(**nothing, times=np.empty(0)), "")
    bare.finish()
    path = experiment(tmp_path / "e.yaml", tmp_path / "bare", train={"datasets": ["bare"]})
    refused("train", path, "-o", tmp_path / "run", says=["has no 'propensity' to learn from"])
    refused("evaluate", tmp_path / "bare", "-m", trained, says=["ka-01", "propensity"])


KEPT = ("positions", "types", "box", "times")


def test_a_bad_output_format_is_named(refused, tmp_path, trained):
    path = snapshot(tmp_path / "x.npz")
    out = tmp_path / "f"
    refused("predict", path, "-m", trained, "-o", out, "--format", "pdb", says=["pdb", ".xyz"])
    bare = snapshot(tmp_path / "y.npz", box=None)
    refused("predict", bare, "-m", trained, "-o", out, "--density", "0", says=["density"])


def test_a_manifest_of_nonsense_is_named(refused, tmp_path, liquid):
    copy = shutil.copytree(liquid, tmp_path / "copy")
    path = copy / "dataset.json"
    record = json.loads(path.read_text())
    for text in ("{", "[]", "{}", json.dumps(record | {"version": 99})):
        path.write_text(text)
        refused("info", copy, says=[path])
    record["configurations"][0]["file"] = "../ka-01.npz"
    path.write_text(json.dumps(record))
    refused("info", copy, says=[path, "configurations.0.file"])


def test_the_installed_program_refuses_alike(tmp_path, trained):
    """Once for real: another process, its exit code and its streams."""
    path = trap(tmp_path / "x.pickle", tmp_path / "created")
    command = [sys.executable, "-c", "from glasscast.cli import main; main()", "info", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {path}: asks for the global")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""
    assert not (tmp_path / "created").exists()
    assert load_model(trained / "model").name == "lr"
