"""What is noted of a training: of training, validation and a test set that decides nothing."""

import math
from dataclasses import astuple

import numpy as np
import pytest
import torch

from glasscast.errors import InputError
from glasscast.models.botan.loss import PairObjective
from glasscast.training.history import Epoch, history_paths, read_history, write_history
from glasscast.training.objectives import mean_pearson
from tests.deep import liquid, tiny, weights

TRAIN, HELD, TEST = [liquid(1), liquid(2)], [liquid(3)], [liquid(4)]


def fit(watched=(), node_weight=0.4, **training):
    model = tiny("botan", node_weight=node_weight, training={"epochs": 4, **training})
    model.watch(watched)
    return model.fit(TRAIN, HELD)


def test_a_watched_test_set_decides_nothing():
    alone, watching = fit(), fit(TEST)
    assert torch.equal(weights(alone), weights(watching))
    for a, b in zip(alone.history_, watching.history_, strict=True):
        assert astuple(a)[2:10] == astuple(b)[2:10]
        assert math.isnan(a.test_loss)
        assert math.isfinite(b.test_loss + b.test_pearson + b.test_pair_pearson)
    assert watching.state_points_ == alone.state_points_


def test_correlations_are_those_of_the_forecasts():
    """Of particles over species, of pairs over near A-A neighbours, as the tables have them."""
    model = fit(TEST, keep="last")
    row, truth, said = model.history_[-1], TEST[0], model.predict(TEST[0])
    found = [
        mean_pearson(
            torch.from_numpy(said.values[:, truth.types == s].T.copy()),
            torch.from_numpy(truth.propensity[:, truth.types == s].T.copy()),
        )
        for s in (0, 1)
    ]
    assert row.test_pearson == pytest.approx(np.mean(found), abs=1e-4)
    example = model.example(truth, PairObjective(0.4))
    graph = model.read(truth)
    with torch.no_grad():
        edges = model.network_(graph)[1]
    i, j = graph.index.receivers, graph.index.senders
    chosen = (graph.types[i] == 0) & (graph.types[j] == 0) & (graph.vectors.norm(dim=1) < 1.35)
    expected = mean_pearson(edges[chosen], example.edges[chosen])
    assert row.test_pair_pearson == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("p", "known"), [(0.0, "pair_pearson"), (1.0, "pearson")])
def test_what_is_not_learned_has_no_correlation(p, known):
    other = {"pair_pearson": "pearson", "pearson": "pair_pearson"}[known]
    for row in fit(TEST, p).history_:
        for prefix in ("", "validation_", "test_"):
            assert math.isfinite(getattr(row, prefix + known))
            assert math.isnan(getattr(row, prefix + other))


def test_the_last_weights_are_kept_where_asked_for():
    settings = {"epochs": 30, "learning_rate": 0.05}
    best, last = fit(**settings), fit(**settings, keep="last")
    assert last.provenance_["best_epoch"] == 30 > best.provenance_["best_epoch"]
    again = tiny("botan", training=settings).fit(TRAIN)  # without validation the last are kept
    assert torch.equal(weights(last), weights(again))


def test_histories_are_written_and_read_as_they_are(tmp_path):
    rows = fit(TEST).history_
    write_history(tmp_path / "fit.csv", rows)
    assert history_paths(tmp_path / "fit.npz") == [tmp_path / "fit.csv"]
    again = read_history(tmp_path / "fit.csv")
    np.testing.assert_allclose([astuple(r) for r in again], [astuple(r) for r in rows], rtol=1e-8)
    for k in (1, 2):
        write_history(tmp_path / f"two-phase{k}.csv", rows)
    assert [p.name for p in history_paths(tmp_path / "two.npz")] == [
        "two-phase1.csv", "two-phase2.csv"
    ]  # fmt: skip
    assert history_paths(tmp_path / "none.npz") == []
    (tmp_path / "bad.csv").write_text("epoch,loss\n1,x\n")
    with pytest.raises(InputError, match="no history of a training"):
        read_history(tmp_path / "bad.csv")
    assert isinstance(again[0], Epoch)
