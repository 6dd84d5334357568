"""Forecasts of pairs go the whole way: kept, scored, tabulated, drawn."""

import csv

import numpy as np
import pytest

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.kept import read_kept
from glasscast.evaluation.bonds import JudgedPairs
from glasscast.evaluation.scores import evaluate
from glasscast.models.forecast import ModelForecast
from glasscast.training.history import read_history
from glasscast.workflows.benchmark import benchmark
from tests.world import World

SMALL = {"name": "botan", "cutoff": 1.4, "hidden": 8, "rounds": 1}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Benchmark of the pairs alone, both, and the particles alone."""
    world = World(tmp_path_factory.mktemp("world"))
    out = world.folder / "run"
    models = {
        label: SMALL | {"node_weight": p, "training": {"epochs": 1, "device": "cpu"}}
        for label, p in {"pairs": 0.0, "both": 0.4, "particles": 1.0}.items()
    }
    data = {"datasets": [str(world.data)]}
    experiment = {
        "data": {**data, "split": "train"},
        "test": {**data, "configurations": ["held", "scored"]},
        "models": models,
        "watch_test": True,
        "bonds": {"species": ["A-A", "A-B"], "closer_than": 1.3},
    }
    return world, out, benchmark(experiment, out, report=False), experiment


def test_pairs_have_rows_of_their_own_and_no_row_of_particles(done):
    _, out, result, _ = done
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(row["model"], row["target"]): set() for row in rows}
    for row in rows:
        found[row["model"], row["target"]].add(row["species"])
    both = {"A-A", "A-B"}
    assert found == {
        ("pairs", "bond_change"): both,
        ("both", "propensity"): {"A", "B"},
        ("both", "bond_change"): both,
        ("particles", "propensity"): {"A", "B"},
    }
    assert {row.target for row in result.comparison.rows} == {"propensity", "bond_change"}
    assert "| A-A |" in (out / "comparison.md").read_text()


def test_scores_are_those_of_the_kept_forecasts(done):
    world, out, result, _ = done
    truths = [c for c in Dataset.open(world.data) if c.name in ("held", "scored")]
    said = []
    for truth in truths:
        arrays, _ = read_kept(out / "forecasts" / "both" / f"{truth.name}.npz")
        said.append(ModelForecast(configuration=truth, model="both", **arrays))
    pairs = JudgedPairs(species=("A-A", "A-B"), closer_than=1.3)
    again = evaluate(said, truths, dataset=result.scores.rows[0].dataset, pairs=pairs)
    mine = result.scores.select(model="both")
    assert [row.value for row in mine] == [row.value for row in again]
    assert np.isfinite([row.value for row in mine]).all()


def test_histories_are_kept(done):
    (row,) = read_history(done[1] / "checkpoint-both-0.csv")
    assert np.isfinite([row.test_loss, row.test_pearson, row.test_pair_pearson]).all()


@pytest.mark.slow
def test_the_page_shows_pairs(done):
    _, out, _, experiment = done
    benchmark(experiment, out)  # all forecasts are there
    page = (out / "report.html").read_text()
    assert "Pair by pair" in page
    assert "How they learned" in page
    assert "pair-distance change of A-A pairs" in page
    assert (out / "figures" / "bonds.png").exists()
    assert (out / "figures" / "joint_distribution.pdf").exists()
