"""BOTAN starts from weights of another training, and minimises what is printed."""

import numpy as np
import pytest
import torch

from glasscast.models.botan.loss import PairObjective
from glasscast.training.examples import join_examples
from tests.deep import liquid, tiny, weights

STILL = {"epochs": 1, "learning_rate": 1e-12, "clip_norm": None}


def one(seed: int, scale: float = 1.0, rows=(0, 1)):
    """Liquid of one species, its labels in another scale, at some of its times."""
    c = liquid(seed, species=1).at_times(list(rows))
    return c.with_fields(
        propensity=scale * c.propensity + 1, bond_change=scale * c.bond_change - 0.2
    )


@pytest.mark.parametrize("rows", [(0,), (0, 1)], ids=["one time", "two times"])
@pytest.mark.parametrize("before", [True, False], ids=["from one decoder", "from two decoders"])
@pytest.mark.parametrize("after", [True, False], ids=["to one", "to two"])
def test_a_start_forecasts_what_its_weights_did(tmp_path, rows, before, after):
    """Whatever the units of the two trainings; one time starts all."""
    source = tiny("botan", shared_decoder=before, training={"epochs": 2})
    source.fit([one(1, rows=rows), one(2, rows=rows)]).save(tmp_path / "start")
    target = tiny(
        "botan",
        shared_decoder=after,
        initial_weights=str(tmp_path / "start"),
        fit_readout=False,
        training=STILL,
    )
    target.fit([one(3, scale=0.1), one(4, scale=0.1)])
    was, now = source.predict(one(5)), target.predict(one(5))
    for row in range(2):
        told = min(row, len(rows) - 1)
        np.testing.assert_allclose(
            now.bond_change[row], was.bond_change[told], rtol=1e-3, atol=1e-4
        )
        if not after:  # one decoder cannot speak in two units
            np.testing.assert_allclose(now.values[row], was.values[told], rtol=1e-3, atol=1e-4)


def test_normalisations_that_come_along_stay_as_they_are(tmp_path):
    settings = {"node_weight": 0.0, "feature_norm": "configuration"}
    source = tiny("botan", **settings, training={"epochs": 2}).fit([one(1), one(2)])
    source.save(tmp_path / "start")
    start = {"initial_weights": str(tmp_path / "start"), "training": STILL}
    target = tiny("botan", **settings, **start).fit([one(1), one(2)])
    was, now = source.predict(one(5)), target.predict(one(5))
    np.testing.assert_allclose(now.bond_change, was.bond_change, rtol=1e-3, atol=1e-4)


def test_a_readout_of_its_own_is_fitted_and_leaves_the_pairs_alone(tmp_path):
    """After edge pretraining the decoder of the nodes knows nothing."""
    tiny("botan", node_weight=0.0).fit([one(1), one(2)]).save(tmp_path / "start")
    settings = {"initial_weights": str(tmp_path / "start"), "training": STILL}
    fitted, bare = (
        tiny("botan", shared_decoder=False, fit_readout=yes, **settings).fit([one(1), one(2)])
        for yes in (True, False)
    )
    a, b = fitted.predict(one(1)), bare.predict(one(1))
    np.testing.assert_allclose(a.bond_change, b.bond_change, atol=1e-5)
    error = [np.square(f.values - one(1).propensity).mean() for f in (a, b)]
    assert error[0] < 0.8 * error[1]


@pytest.mark.parametrize("p", [0.0, 0.4])
def test_pairs_unknown_to_the_start_get_a_readout_of_their_own(tmp_path, p):
    """Weights that were trained on particles alone begin to forecast pairs as well as they can."""
    tiny("botan", node_weight=1.0).fit([one(1), one(2)]).save(tmp_path / "start")
    settings = {"initial_weights": str(tmp_path / "start"), "training": STILL, "node_weight": p}
    fitted, bare = (
        tiny("botan", shared_decoder=p == 0, fit_readout=yes, **settings).fit([one(1), one(2)])
        for yes in (True, False)
    )
    a, b = fitted.predict(one(1)), bare.predict(one(1))
    error = [np.square(f.bond_change - one(1).bond_change).mean(1) for f in (a, b)]
    assert (error[0] < 1.01 * one(1).bond_change.var(1)).all()  # of both, one is a little worse
    assert (error[0] < 0.8 * error[1]).all()


def test_printed_sums_weigh_what_there_is_more_of():
    """Eqs. 12 to 14 by hand, of one configuration and of two side by side."""
    model = tiny("botan", loss="sums").fit([liquid(1)])
    objective = model.phases()[0].objective
    assert objective == PairObjective(0.4)
    examples = [model.example(liquid(k), objective) for k in (1, 2)]
    found = []
    for example in examples:
        with torch.no_grad():
            nodes, edges = model.network_(example.inputs)
            known = example.edge_weights > 0
            by_hand = 0.4 * (nodes - example.nodes).square().sum() / 2
            by_hand += 0.6 * (edges - example.edges)[known].square().sum() / 2
            assert float(objective((nodes, edges), example)) == pytest.approx(float(by_hand))
        found.append(float(by_hand))
    joined = join_examples(examples)
    with torch.no_grad():
        both = objective(model.network_(joined.inputs), joined)
    assert float(both) == pytest.approx(np.mean(found), rel=1e-5)
    assert not torch.equal(weights(model), weights(tiny("botan").fit([liquid(1)])))


@pytest.mark.parametrize(("drawn", "learns"), [("identity", True), ("uniform", False)])
def test_an_untrained_network_learns_what_is_told_by_an_edge_alone(drawn, learns):
    """Through seven rounds, in six steps: how long the edge is."""
    known = [liquid(seed, side=5).at_times([0]) for seed in (1, 2, 5)]
    model = tiny(
        "botan", node_weight=0.0, rounds=7, hidden=32, initialisation=drawn,
        training={"epochs": 3, "learning_rate": 3e-3, "augment": True},
    )  # fmt: skip
    model.fit(known[:2], seed=1)
    r = np.corrcoef(model.predict(known[2]).bond_change[0], known[2].bond_change[0])[0, 1]
    assert (r > 0.5) == learns, r


def test_printed_sums_weigh_labels_by_their_runs():
    """A label of 4 runs counts 1 / (1 + k / 4) over 1 / (1 + k / 32) of one of 32, in both sums."""
    many, few = (liquid(k).with_fields(runs=np.array([32, r])) for k, r in ((1, 32), (2, 4)))
    k = 8.0
    share = (1 + k / 32) / (1 + k / 4)
    for loss in ("means", "sums"):
        model = tiny("botan", loss=loss, training={"label_noise": k}).fit([many, few])
        objective = model.phases()[0].objective
        example = model.example(few, objective)
        with torch.no_grad():
            nodes, edges = model.network_(example.inputs)
            squares = [(nodes - example.nodes).square(), (edges - example.edges).square()]
            known = (example.edge_weights > 0).any(1)
            sums = [s.sum(0) / (len(s) if loss == "means" else 1) for s in
                    (squares[0], squares[1][known])]  # fmt: skip
            parts = [(s[0] + share * s[1]) / 2 for s in sums]
            by_hand = 0.4 * parts[0] + 0.6 * parts[1]
            assert float(objective((nodes, edges), example)) == pytest.approx(float(by_hand))


@pytest.mark.parametrize("drawn", ["identity", "uniform"])
def test_what_is_drawn_is_the_seed_s_alone(drawn):
    """Whatever was drawn before in the process."""
    made = []
    for before, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(before)
        made.append(weights(tiny("botan", initialisation=drawn).fit([liquid(1)], seed=seed)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
