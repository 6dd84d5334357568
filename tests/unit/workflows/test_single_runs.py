"""Single runs beside ensembles: trained on with their family, never scored beside it."""

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.metadata import Origin
from glasscast.datasets.writer import DatasetWriter
from glasscast.workflows.benchmark import benchmark
from glasscast.workflows.evaluate import evaluate
from glasscast.workflows.experiment_folder import read_outcome
from glasscast.workflows.experiments import BenchmarkExperiment
from glasscast.workflows.export import export
from glasscast.workflows.fits import fits_of
from glasscast.workflows.train import train
from tests.world import NAMES, World, snapshot

DENSITY = {"name": "structural", "quantity": "density"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world whose every configuration has two reversed runs, in ``runs`` beside its data."""
    world = World(tmp_path_factory.mktemp("world"))
    writer = DatasetWriter(world.folder / "runs")
    roots = {c.name: c.root for c in Dataset.open(world.data)}
    for number, parent in enumerate(NAMES):
        for run in range(2):
            origin = {"kind": "reversed", "parent": parent, "root": roots[parent], "run": run}
            single = snapshot(50 + 2 * number + run, f"{parent}-run-{run}")
            told = single.metadata.changed(origin=Origin(**origin))
            ones = np.ones(len(single.times), dtype=np.int32)
            writer.add(single.with_fields(metadata=told, runs=ones), f"{parent}{run}")
    writer.finish()
    return world


def experiment(world, **changes):
    models = {"ensembles": DENSITY, "both": DENSITY, "reversed": DENSITY}
    runs = {"datasets": [world.folder / "runs"], "models": ["both"], "alone": ["reversed"]}
    return BenchmarkExperiment(
        **{"data": {"datasets": [world.data]}, "models": models, "single_runs": runs, **changes}
    )


def test_a_fold_leaves_out_parents_with_all_their_runs(world):
    fits = fits_of(experiment(world))
    assert sorted(name for fit in fits for name in fit.test.names) == sorted(NAMES)
    for fit in fits:
        (left_out,) = fit.test.names
        others = [name for name in NAMES if name != left_out]
        runs = [f"{name}-run-{run}" for name in others for run in range(2)]
        assert fit.trained_on("ensembles").names == others
        assert fit.trained_on("both").names == others + runs
        assert fit.trained_on("reversed").names == runs


def test_a_mixture_is_scored_on_its_ensembles(world):
    both = {"datasets": [world.data, world.folder / "runs"]}
    fits = fits_of(experiment(world, data=both, single_runs=None))
    assert sorted(name for fit in fits for name in fit.test.names) == sorted(NAMES)
    assert all(len(fit.train) == 12 for fit in fits)


def test_scores_of_single_runs_alone_are_marked(world, caplog):
    settings = {"train": {"datasets": [world.data], "split": "train"}, "model": DENSITY}
    model = train(settings)
    table = evaluate(model, Dataset.open(world.folder / "runs"))
    assert {row.dataset for row in table} == {"runs (single runs)"}
    assert "labels of single runs alone" in caplog.text
    assert {row.dataset for row in evaluate(model, Dataset.open(world.data))} == {"data"}


def test_a_model_says_of_how_many_runs_its_labels_were(world):
    model = train({"train": {"datasets": [world.data, world.folder / "runs"]}, "model": DENSITY})
    told = model.common_record()["trained_on"]["labels"]
    assert told["start"] == {"configurations": 5}  # whose runs nobody told
    assert told["reversed"] == {"configurations": 10, "runs": (1, 1)}


def test_a_training_takes_the_runs_of_its_configurations_alone(world, tmp_path):
    experiment = {
        "train": {"datasets": [world.data], "split": "train"},
        "single_runs": {"datasets": [world.folder / "runs"]},
        "test": {"datasets": [world.data], "split": "test"},
        "model": DENSITY,
    }
    train(experiment, tmp_path / "run")
    ours = Dataset.open(world.data).split("train").names
    runs = [f"{name}-run-{run}" for name in ours for run in range(2)]
    assert read_outcome(tmp_path / "run")["trained_on"] == ours + runs
    used = export(tmp_path / "run", tmp_path / "ready")["card"]["data"]
    assert used["single_runs"]["configurations"] == len(runs)
    assert f"| single runs | runs | {len(runs)} |" in (tmp_path / "ready" / "card.md").read_text()


def test_a_card_counts_what_a_network_was_fitted_on(world, tmp_path):
    """A third of the families is set aside, with their runs."""
    training = {"epochs": 1, "validation_fraction": 0.3, "device": "cpu"}
    experiment = {
        "train": {"datasets": [world.data], "split": "train"},
        "single_runs": {"datasets": [world.folder / "runs"]},
        "test": {"datasets": [world.data], "split": "test"},
        "model": world.deep(training=training),
    }
    train(experiment, tmp_path / "run")
    used = export(tmp_path / "run", tmp_path / "ready")["card"]["data"]
    counts = {use: told["configurations"] for use, told in used.items()}
    assert counts == {"train": 2, "single_runs": 4, "validation": 1, "test": 1}


def test_a_benchmark_tells_who_used_them(world, tmp_path):
    found = benchmark(experiment(world, folds=2), tmp_path / "run")
    assert {row.model for row in found.scores} == {"ensembles", "both", "reversed"}
    values = {row.model: row.value for row in found.scores.select(metric="rmse", species="A")}
    assert len(set(values.values())) == 3
    page = (tmp_path / "run" / "report.html").read_text()
    assert "were trained on beside them by both and in their place by reversed." in page
    assert "data, runs" in page
