import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from glasscast.evaluation.smoothness import smoothness
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation, write_smoothness
from tests.unit.report.material import configuration, forecast


def evaluated(models=("lr",), count=3):
    evaluation = SmoothnessEvaluation()
    truths = [configuration(f"c{i}", seed=i) for i in range(count)]
    for model in models:
        for truth in truths:
            evaluation.add(forecast(truth, model), truth)
    return evaluation, truths


def test_scores_are_means_over_configurations():
    evaluation, truths = evaluated()
    first, last = evaluation.scores()
    assert (first.time, last.time) == (1.0, 100.0)
    quotients = [smoothness(c, c.propensity).rayleigh[1] for c in truths]
    assert last.rayleigh_true == pytest.approx(np.mean(quotients))
    guessed = [smoothness(c, forecast(c).values).rayleigh[1] for c in truths]
    assert last.rayleigh_predicted == pytest.approx(np.mean(guessed))
    assert last.n_configurations == 3


def test_the_truth_itself_scores_one():
    evaluation, truth = SmoothnessEvaluation(), configuration()
    exact = replace(forecast(truth), values=truth.propensity)
    evaluation.add(exact, truth)
    for row in evaluation.scores():
        assert row.local_pearson == pytest.approx(1.0)
        assert row.rayleigh_predicted == pytest.approx(row.rayleigh_true)


def test_what_says_nothing_is_passed_over():
    truth = configuration()
    evaluation = SmoothnessEvaluation()
    evaluation.add(replace(forecast(truth), target="nonaffine"), truth)
    holes = forecast(truth)
    holes.values[:, 0] = np.nan
    evaluation.add(holes, truth)
    evaluation.add(forecast(truth), configuration(labels=False))
    assert evaluation.scores() == []
    other = replace(forecast(truth), times=np.array([1.0, 7.0]))
    evaluation.add(other, truth)
    assert [row.time for row in evaluation.scores()] == [1.0]


def test_files_hold_every_score(tmp_path):
    evaluation, _ = evaluated(("lr", "<b>"))
    write_smoothness(tmp_path, evaluation.scores())
    rows = json.loads((tmp_path / "smoothness.json").read_text())
    with (tmp_path / "smoothness.csv").open() as file:
        assert [r["model"] for r in csv.DictReader(file)] == ["lr", "lr", "<b>", "<b>"]
    assert rows[0]["local_pearson"] == evaluation.scores()[0].local_pearson
