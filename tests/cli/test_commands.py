"""The commands one after another on real, small data: what they write, and that they resume."""

import base64
import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.ownership import visible
from glasscast.datasets.writer import DatasetWriter
from glasscast.evaluation.score_table import read_scores
from glasscast.models.registry import load_model
from glasscast.simulation.equilibrium_positions import completed
from glasscast.simulation.registry import load_engine
from glasscast.workflows import fits as fits_workflow
from glasscast.workflows.demo import load_sample
from tests.cli.material import LR, botan_folder, contents, experiment, snapshot
from tests.unit.datasets.formats.format_writers import make_liquid, write_xyz

COLUMNS = ["propensity_t0p52", "propensity_t16p5"]


def test_import_train_predict_evaluate_info(done, tmp_path):
    source = botan_folder(tmp_path / "in", configurations=4, tags=2, size=400)
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "f"
    assert f"4 configurations in {data}" in done("import", source, data, "--name", "mine")
    before = contents(data)
    assert "imported" not in done("import", source, data, "--name", "mine")
    assert contents(data) == before

    printed = done("info", data, "--verify")
    for text in ("mine", "configurations  4", "400", "0.13, 1.3", "0.44", "propensity"):
        assert text in printed

    path = experiment(tmp_path / "e.yaml", data, train={"datasets": ["data"]})
    assert f"model in {run / 'model'}" in done("train", path, "-o", run)
    kept = contents(run)
    assert f"model in {run / 'model'}" in done("train", path, "-o", run)
    assert {k: v for k, v in contents(run).items() if k != "run.log"} == {
        k: v for k, v in kept.items() if k != "run.log"
    }
    assert json.loads((run / "run.json").read_text())["trained_on"] == Dataset.open(data).names
    assert "lr" in done("info", run)

    frame = source / "isoconfig_N400T0.44_2_tc01.npz"
    assert "1 forecasts" in done("predict", frame, "-m", run, "-o", out)
    assert "propensity_t0p13" in (out / "N400T0.44_2.xyz").read_text().splitlines()[1]
    printed = done("evaluate", data, "-m", run, "-o", tmp_path / "scores")
    rows = read_scores(tmp_path / "scores" / "scores.json").select(metric="pearson_mean")
    for row in rows:  # every score beside its noise ceiling
        lines = [x for x in printed.splitlines() if f"{row.value:.3f} (" in x]
        assert any(x.rstrip(" │").endswith(f" {row.ceiling:.3f}") for x in lines), printed
    assert {file.name for file in visible(tmp_path / "scores")} == {
        "scores.json", "scores.csv", "scores.md", "smoothness.json", "smoothness.csv",
    }  # fmt: skip


def test_every_forecast_file_holds_a_column_per_time(done, tmp_path, trained):
    gsd = pytest.importorskip("gsd.hoomd")
    path, out = snapshot(tmp_path / "x.npz"), tmp_path / "f"
    formats = [word for suffix in ("xyz", "gsd", "npz") for word in ("--format", suffix)]
    printed = done("predict", path, "-m", trained, "-o", out, *formats)
    assert f"report in {out / 'report.html'}" in printed
    assert "<html" in (out / "report.html").read_text()

    with np.load(out / "x.npz") as arrays:
        record = json.loads(str(arrays["record"]))
        assert record["stages"]["values"] == [0.52, 16.5]
        values = [arrays[name] for name in COLUMNS]
    assert all(column.shape == (400,) and np.isfinite(column).all() for column in values)

    lines = (out / "x.xyz").read_text().splitlines()
    assert lines[0] == "400"
    assert all(f":{name}:R:1" in lines[1] for name in COLUMNS)
    rows = np.array([line.split()[5:] for line in lines[2:]], dtype=float).T  # value, sd, rank, ...
    np.testing.assert_allclose(rows[::3], values, rtol=1e-4)

    with gsd.open(out / "x.gsd") as trajectory:
        log = trajectory[0].log
    for name, column in zip(COLUMNS, values, strict=True):
        np.testing.assert_array_equal(log[f"particles/{name}"], column)


def test_a_dataset_is_forecast_beside_its_truth(done, tmp_path, liquid, trained):
    done("predict", liquid, "-m", trained, "-o", tmp_path, "--format", "npz", "--no-report")
    assert [file.name for file in visible(tmp_path)] == [f"ka-0{k}.npz" for k in range(1, 5)]
    with np.load(tmp_path / "ka-04.npz") as arrays:
        truth = Dataset.open(liquid)[3].propensity
        np.testing.assert_array_equal(arrays["true_" + COLUMNS[1]], truth[1])


def test_forecasts_of_equal_names_are_told_apart_and_all_written(done, tmp_path, liquid, trained):
    here, there = (shutil.copytree(liquid, tmp_path / k / "data") for k in ("here", "there"))
    out = tmp_path / "f"
    call = ("predict", here, there, "-m", trained, "-o", out, "--format", "npz", "--no-report")
    assert "8 forecasts" in done(*call)
    wanted = {f"{k}__data__ka-0{n}.npz" for k in ("here", "there") for n in range(1, 5)}
    assert {file.name for file in visible(out)} == wanted
    assert "8 forecasts" in done(*call)  # its own folder, the same work
    assert {file.name for file in visible(out)} == wanted


def test_forecasts_replace_no_snapshot_and_no_other_forecasts(
    done, refused, tmp_path, liquid, trained
):
    data = tmp_path / "d"
    data.mkdir()
    path, other = snapshot(data / "x.npz"), snapshot(tmp_path / "y.npz")
    before = path.read_bytes()
    call = ("predict", "-m", trained, "--format", "npz", "--no-report")
    refused(*call, path, "-o", data, says=["holds 'x.npz', which this command did not make"])
    assert path.read_bytes() == before
    refused(*call, path, path, "-o", tmp_path / "f", says=["several snapshots are named 'x'"])
    done(*call, path, "-o", tmp_path / "f")
    refused(*call, other, "-o", tmp_path / "f", says=["for other work, snapshots"])
    assert [file.name for file in visible(tmp_path / "f")] == ["x.npz"]


def test_training_with_test_data_shows_its_scores(done, tmp_path, liquid):
    test = {"datasets": [str(liquid)], "split": "test"}
    path = experiment(tmp_path / "e.yaml", liquid, test=test)
    run = tmp_path / "run"
    assert "Pearson correlation" in done("train", path, "-o", run)
    with (run / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {float(row["time"]) for row in rows} == {0.52, 16.5}


@pytest.fixture
def fits(monkeypatch):
    """Labels of the models that are built, in order."""
    built = []
    original = fits_workflow.build

    def build(settings, workspace):
        built.append(settings.order)
        return original(settings, workspace)

    monkeypatch.setattr(fits_workflow, "build", build)
    return built


def test_a_benchmark_resumes_without_making_anything_anew(done, tmp_path, liquid, fits):
    path, out = tmp_path / "b.yaml", tmp_path / "out"
    models = {"LR(0)": LR, "LR(1)": LR | {"order": 1}}
    record = {"data": {"datasets": [str(liquid)]}, "models": models, "folds": 2}
    path.write_text(yaml.safe_dump(record))
    printed = done("benchmark", path, "-o", out)
    assert fits == [0, 0, 1, 1]
    assert "LR(1)" in printed
    for name in ("report.html", "scores.json", "scores.csv", "scores.md", "scores.tex", "run.json"):
        assert (out / name).stat().st_size > 0
    one_file_tells_all(out, f"glasscast benchmark {path.name} -o {out.name}")
    forecasts = contents(out / "forecasts")
    assert len(forecasts) == 8
    scores = (out / "scores.json").read_bytes()

    done("benchmark", path, "-o", out)
    assert fits == [0, 0, 1, 1]
    assert contents(out / "forecasts") == forecasts
    assert (out / "scores.json").read_bytes() == scores

    # A damaged forecast is made again, and only the fold it belongs to.
    lost = out / "forecasts" / "LR(1)" / "ka-02.npz"
    lost.write_bytes(lost.read_bytes()[:100])
    done("benchmark", path, "-o", out)
    assert fits == [0, 0, 1, 1, 1]
    assert (out / "scores.json").read_bytes() == scores


def one_file_tells_all(out, command):
    """The page holds the main table, every figure and the command; the table is in three files."""
    page = (out / "report.html").read_text()
    assert command in page
    assert "Models side by side" in page
    for image in (out / "figures").glob("*.png"):
        assert base64.b64encode(image.read_bytes()).decode() in page, image
    with (out / "comparison.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 2 * 2  # models, species, times
    for row in rows:
        assert (row["smoothness_pearson"] != "") == (row["species"] == "A")
        assert float(row["share"]) == float(row["pearson_mean"]) / float(row["ceiling"])
        varies = float(row["chi4_true"]) > 0
        assert (row["chi4_ratio"] != "") == varies
        if varies:
            ratio = float(row["chi4_predicted"]) / float(row["chi4_true"])
            assert float(row["chi4_ratio"]) == pytest.approx(ratio)
    assert any(row["chi4_ratio"] for row in rows)
    assert len((out / "comparison.md").read_text().splitlines()) == 2 + len(rows)
    assert (out / "comparison.tex").read_text().count(r"\\") == 1 + len(rows)


def test_a_learning_curve_trains_on_nested_sets(done, refused, tmp_path, liquid, fits):
    path, out = tmp_path / "b.yaml", tmp_path / "out"
    record = {
        "data": {"datasets": [str(liquid)], "split": "train"},
        "test": {"datasets": [str(liquid)], "split": "test"},
        "models": {"LR(0)": LR},
        "training_sizes": [2],
    }
    path.write_text(yaml.safe_dump(record))
    done("benchmark", path, "-o", out)
    assert fits == [0, 0]  # with two, and with all three
    with (out / "learning_curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["training_configurations"]) for row in rows] == [2] * 12 + [3] * 12
    with (out / "scores.csv").open() as stream:
        whole = list(csv.DictReader(stream))
    assert [row["value"] for row in rows[12:]] == [row["value"] for row in whole]
    assert rows[0]["value"] != rows[12]["value"]
    assert (out / "figures" / "learning_curve.png").exists()
    done("benchmark", path, "-o", out)
    assert fits == [0, 0]
    path.write_text(yaml.safe_dump(record | {"training_sizes": [4]}))
    refused("benchmark", path, "-o", tmp_path / "new", says=["'training_sizes' asks for 4", "3"])


def test_deep_models_train_as_many_steps_on_fewer_configurations(done, tmp_path, liquid):
    path, out = tmp_path / "b.yaml", tmp_path / "out"
    training = {"epochs": 2, "validation_fraction": 0, "device": "cpu"}
    network = {"name": "cnn", "spacing": 1.0, "channels": 2, "blocks": 1, "training": training}
    record = {
        "data": {"datasets": [str(liquid)], "split": "train"},
        "test": {"datasets": [str(liquid)], "split": "test"},
        "models": {"CNN": network},
        "training_sizes": [1],
    }
    path.write_text(yaml.safe_dump(record))
    done("benchmark", path, "-o", out)
    epochs = {
        label: len((out / f"checkpoint-{label}-0.csv").read_text().splitlines()) - 1
        for label in ("CNN", "CNN--1")
    }
    assert epochs == {"CNN": 2, "CNN--1": 6}


def test_the_demo_trains_forecasts_and_reports(done, tmp_path, liquid, monkeypatch):
    """The demo on the tiny dataset and quick descriptors; the real one is `make demo`."""
    from glasscast.models.lr import LinearSettings
    from glasscast.workflows import demo

    quick = {key: LR[key] for key in ("descriptors", "penalties", "folds")}
    monkeypatch.setattr(demo, "SAMPLE", str(liquid))
    monkeypatch.setattr(demo, "LinearSettings", lambda order: LinearSettings(order=order, **quick))
    printed = done("demo", "-o", tmp_path / "demo")
    assert "LR(2)" in printed
    assert f"open {tmp_path / 'demo' / 'report.html'} in a browser" in printed
    page = (tmp_path / "demo" / "report.html").read_text()
    assert all(f"LR({order})" in page for order in range(3))


def test_own_trajectories_are_told_their_liquid_and_temperature(done, refused, tmp_path):
    folder = write_xyz(tmp_path / "in" / "one", make_liquid(size=200, side=7.0))
    call = ("import", folder.parent, tmp_path / "data", "--name", "mine")
    done(*call)
    assert Dataset.open(tmp_path / "data").state_point.liquid is None
    done(*call, "--temperature", "0.5", "--liquid", "ka")  # made again, for it says more
    dataset = Dataset.open(tmp_path / "data")
    assert (dataset.state_point.temperature, dataset.state_point.liquid) == (0.5, "ka")
    assert "temperature" in done("info", tmp_path / "data")
    # bonds are counted at the distances of the liquid
    bare = Dataset.open(tmp_path / "data")[0].bond_breaking
    done("import", folder.parent, tmp_path / "bare", "--temperature", "0.5")
    assert not np.array_equal(Dataset.open(tmp_path / "bare")[0].bond_breaking, bare)
    before = contents(tmp_path / "data")
    done(*call, "--temperature", "0.5", "--liquid", "ka")
    assert contents(tmp_path / "data") == before
    for option, value, says in [
        ("--temperature", "-1", "temperature must be positive, got -1"),
        ("--temperature", "nan", "temperature must be positive, got nan"),
        ("--liquid", "kaa", "unknown liquid 'kaa'; built in: ka"),
        ("--liquid", "ka2d", "has 3 dimensions, ka2d 2"),
    ]:
        refused(*call, option, value, says=[says])
    named = botan_folder(tmp_path / "botan", 1, 1)
    call = ("import", named, tmp_path / "b")
    refused(*call, "--temperature", "0.5", says=["tc01.npz", "says temperature 0.44, not 0.5"])
    refused(*call, "--liquid", "ka-cut", says=["tc01.npz", "says liquid 'ka', not 'ka-cut'"])


def test_info_says_that_an_import_is_unfinished_and_how_to_finish(done, refused, tmp_path):
    data = tmp_path / "data"
    call = ("import", botan_folder(tmp_path / "in"), data)
    done(*call)
    (data / "dataset.json").unlink()
    says = [data, "unfinished import with 2 configurations", "run the same 'glasscast import' ag"]
    refused("info", data, says=says)
    done(*call)
    assert "configurations" in done("info", data)
    # files to be imported are no unfinished import
    raw = refused("info", tmp_path / "in", says=["make a dataset with 'glasscast import'"])
    assert "unfinished" not in raw
    run = tmp_path / "run"
    (run / "inputs").mkdir(parents=True)
    (run / "inputs" / "settings.json").write_text("{}")
    says = [run, "unfinished simulation with 0 results", "run the same 'glasscast simulate' again"]
    refused("info", run, says=says)


@pytest.mark.lammps
def test_equilibrium_positions_are_added_in_place(done, refused, tmp_path):
    pytest.importorskip("numba")
    data = tmp_path / "data"
    writer = DatasetWriter(data)
    writer.add(load_sample()[0], "")
    writer.finish()
    call = ("equilibrium", data, "--inherent", "--force-tolerance", "1e-1")
    printed = done(*call, "--cage", "--radius", "0.3", "--cycles", "20")
    assert f"inherent and cage positions in 1 configurations of {data}" in printed
    printed = done("info", data, "--verify")
    assert "inherent, cage, times" in printed
    assert "all match" in printed
    before = contents(data)
    done(*call)
    assert contents(data) == before
    refused("equilibrium", data, says=["nothing to add"])
    refused(
        "equilibrium", data, "--cage", "--radius", "-1", says=["'cage.radius': Input should be gre"]
    )
    refused("equilibrium", data, "--cage", "--radius", "4", says=["-0000.", "twice the cutoff"])
    refused("equilibrium", data, "--inherent", "--cycles", "9", says=["--cycles need --cage"])
    refused("equilibrium", tmp_path, "--cage", says=[tmp_path, "has no dataset.json"])


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["train"],
        ["predict"],
        ["benchmark"],
        ["import"],
        ["simulate"],
        ["equilibrium"],
        ["analyse"],
        ["transfer"],
    ],
)
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys; from glasscast.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: code = stop.code\n"
        "heavy = {'torch', 'matplotlib', 'scipy', 'plotly'} & sys.modules.keys()\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Usage" in ended.stdout


def test_a_snapshot_without_the_equilibrium_positions_of_the_model_gets_them(
    done, refused, tmp_path, liquid
):
    pytest.importorskip("lammps")
    folder, source = tmp_path / "minima", Dataset.open(liquid)
    writer = DatasetWriter(folder)
    for c in source[:3]:
        writer.add(completed(c, ["inherent"], load_engine()), "")
    writer.finish({"train": source.names[:2], "test": [source.names[2]]})
    model = {**LR, "structure": "inherent"}
    path = experiment(tmp_path / "e.yaml", folder, model=model)
    run, minimum = tmp_path / "run", Dataset.open(folder)[2]
    done("train", path, "-o", run)

    bare = {key: getattr(minimum, key) for key in ("positions", "types", "box")}
    np.savez(tmp_path / "bare.npz", **bare)
    call = ("predict", tmp_path / "bare.npz", "-m", run, "-o", tmp_path / "f", "--format", "npz")
    wanted = load_model(run / "model").predict(minimum).values
    assert "assumed liquid ka" in done(*call)  # that of the training
    with np.load(tmp_path / "f" / "bare.npz") as arrays:
        np.testing.assert_allclose(arrays[COLUMNS[1]], wanted[1], atol=1e-6)

    record = json.loads((run / "model" / "model.json").read_text())
    (run / "model" / "model.json").write_text(json.dumps(record | {"state_points": []}))
    refused(*call, says=["bare.npz", "--liquid"])
    elsewhere = [tmp_path / "g" if word == tmp_path / "f" else word for word in call]
    assert "assumed" not in done(*elsewhere, "--liquid", "ka")


def test_a_misspelt_model_is_no_folder(refused, liquid):
    refused("predict", liquid, "-m", "no-such-model", says=["no-such-model", "nor a ready model"])
