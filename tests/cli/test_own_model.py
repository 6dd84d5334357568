"""The example of a user's own model works through every door, and a bad one is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from glasscast.config import read
from glasscast.errors import SettingsError
from glasscast.models.registry import load_model, model_class, settings_class
from glasscast.runtime import Workspace
from glasscast.workflows.benchmark import benchmark
from glasscast.workflows.experiments import BenchmarkExperiment

FOLDER = Path(__file__).parents[2] / "examples" / "own-model"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a module and its entry point where an installer would, without running one."""

    def place(name: str, target: str) -> None:
        site = tmp_path / "site"
        info = site / f"{name.replace('-', '_')}_model-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-model\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[glasscast.models]\n{name} = {target}\n")
        shutil.copy(FOLDER / "coordination.py", site)
        monkeypatch.syspath_prepend(site)

    return place


def test_it_is_benchmarked_from_its_experiment_file(install, tmp_path):
    install("coordination", "coordination:Coordination")
    experiment = read(
        BenchmarkExperiment, FOLDER / "benchmark.yaml", ["models.coordination.folds=2"]
    )
    assert set(experiment.models) == {"coordination", "LR(0)"}
    small = experiment.data.model_copy(update={"split": "test", "times": (16.5,)})
    own = {"coordination": experiment.models["coordination"]}
    few = experiment.model_copy(update={"data": small, "test": None, "folds": 2, "models": own})
    table = benchmark(few, tmp_path / "out", workspace=Workspace(threads=1)).scores
    assert set(table.values_of("model")) == {"coordination"}
    rows = (tmp_path / "out" / "comparison.csv").read_text().splitlines()
    costs = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert float(costs["parameters"]) == 2 * (2 + 1)  # species, weights and intercept
    assert float(costs["fit_seconds"]) > 0
    assert float(costs["predict_seconds"]) > 0
    assert all(0.05 < row.value < 1 for row in table.select(metric="pearson_mean", species="A"))


def test_saved_and_loaded_by_name(install, tmp_path):
    install("coordination", "coordination:Coordination")
    from tests.relaxed import relaxed

    train = [relaxed(seed, 2, 60) for seed in (1, 2, 3)]
    model = model_class("coordination")(settings_class("coordination")(folds=2)).fit(train)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(train[0]).values, model.predict(train[0]).values)


def test_what_is_no_model_is_refused(install):
    install("coordination-two", "coordination:CoordinationSettings")
    with pytest.raises(SettingsError, match="is not a class derived from Model"):
        model_class("coordination-two")
    with pytest.raises(SettingsError, match="did you mean 'coordination-two'"):
        model_class("coordination-too")


def test_what_cannot_be_imported_is_refused(install):
    install("broken", "coordination:Missing")
    with pytest.raises(SettingsError, match="cannot be imported"):
        settings_class("broken")


def test_the_example_is_shorter_than_sixty_lines():
    files = [FOLDER / "coordination.py", FOLDER / "pyproject.toml"]
    assert sum(len(path.read_text().splitlines()) for path in files) < 60
