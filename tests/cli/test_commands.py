"""The commands one after another on real, small data: what they write, and that they resume."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import yaml

from glasscast.datasets.dataset import Dataset, DatasetWriter
from glasscast.workflows import parts as parts_workflow
from glasscast.workflows.demo import sample_folder
from tests.cli.material import LR, botan_folder, contents, experiment, snapshot

COLUMNS = ["propensity_t0p165", "propensity_t5p2"]


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
    assert "1 forecasts" in done("predict", run, frame, "-o", out)
    assert "propensity_t0p13" in (out / "N400T0.44_2.xyz").read_text().splitlines()[1]
    assert "noise ceiling" in done("evaluate", run, data, "-o", tmp_path / "scores")
    assert {file.name for file in (tmp_path / "scores").iterdir()} == {
        "scores.json", "scores.csv", "scores.md",
    }  # fmt: skip


def test_every_forecast_file_holds_a_column_per_time(done, tmp_path, trained):
    gsd = pytest.importorskip("gsd.hoomd")
    path, out = snapshot(tmp_path / "x.npz"), tmp_path / "f"
    formats = [word for suffix in ("xyz", "gsd", "npz") for word in ("--format", suffix)]
    printed = done("predict", trained, path, "-o", out, *formats)
    assert f"report in {out / 'report.html'}" in printed
    assert "<html" in (out / "report.html").read_text()

    with np.load(out / "x.npz") as arrays:
        assert arrays["times"].tolist() == [0.165, 5.2]
        values = [arrays[name] for name in COLUMNS]
    assert all(column.shape == (400,) and np.isfinite(column).all() for column in values)

    lines = (out / "x.xyz").read_text().splitlines()
    assert lines[0] == "400"
    assert all(f":{name}:R:1" in lines[1] for name in COLUMNS)
    rows = [[float(word) for word in line.split()[-2:]] for line in lines[2:]]
    np.testing.assert_allclose(np.transpose(rows), values, rtol=1e-4)

    with gsd.open(out / "x.gsd") as trajectory:
        log = trajectory[0].log
    for name, column in zip(COLUMNS, values, strict=True):
        np.testing.assert_array_equal(log[f"particles/{name}"], column)


def test_a_dataset_is_forecast_beside_its_truth(done, tmp_path, liquid, trained):
    done("predict", trained, liquid, "-o", tmp_path, "--format", "npz", "--no-report")
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"ka-0{k}.npz" for k in range(1, 5)]
    with np.load(tmp_path / "ka-04.npz") as arrays:
        truth = Dataset.open(liquid)[3].propensity
        np.testing.assert_array_equal(arrays["true_" + COLUMNS[1]], truth[1])


def test_training_with_test_data_shows_its_scores(done, tmp_path, liquid):
    test = {"datasets": [str(liquid)], "split": "test"}
    path = experiment(tmp_path / "e.yaml", liquid, test=test)
    run = tmp_path / "run"
    assert "Pearson correlation" in done("train", path, "-o", run)
    with (run / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {float(row["time"]) for row in rows} == {0.165, 5.2}


@pytest.fixture
def fits(monkeypatch):
    """Labels of the models that are built, in order."""
    built = []
    original = parts_workflow.build

    def build(settings, workspace):
        built.append(settings.order)
        return original(settings, workspace)

    monkeypatch.setattr(parts_workflow, "build", build)
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


def test_a_learning_curve_trains_on_nested_parts(done, refused, tmp_path, liquid, fits):
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


def test_the_demo_trains_forecasts_and_reports(done, tmp_path, liquid, monkeypatch):
    """The demo on the tiny dataset and quick descriptors; the real one is `make demo`."""
    from glasscast.models.hyperparameters import LinearHyperparameters
    from glasscast.workflows import demo

    quick = {key: LR[key] for key in ("descriptors", "penalties", "folds")}
    monkeypatch.setattr(demo, "sample_folder", lambda: liquid)
    monkeypatch.setattr(
        demo, "LinearHyperparameters", lambda order: LinearHyperparameters(order=order, **quick)
    )
    printed = done("demo", "-o", tmp_path / "demo")
    assert "LR(2)" in printed
    assert f"open {tmp_path / 'demo' / 'report.html'} in a browser" in printed
    page = (tmp_path / "demo" / "report.html").read_text()
    assert all(f"LR({order})" in page for order in range(3))


@pytest.mark.lammps
def test_equilibrium_positions_are_added_in_place(done, refused, tmp_path):
    pytest.importorskip("numba")
    data = tmp_path / "data"
    writer = DatasetWriter(data)
    writer.add(Dataset.open(sample_folder())[0], "")
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
    refused("equilibrium", data, "--cage", "--radius", "-1", says=["radius: Input should be gre"])
    refused("equilibrium", data, "--cage", "--radius", "4", says=["ka-01.npz", "twice the cutoff"])
    refused("equilibrium", data, "--inherent", "--cycles", "9", says=["--cycles need --cage"])
    refused("equilibrium", tmp_path, "--cage", says=[tmp_path, "has no dataset.json"])


@pytest.mark.parametrize(
    "command", [[], ["train"], ["predict"], ["benchmark"], ["import"], ["equilibrium"]]
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
