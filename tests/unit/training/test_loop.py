"""The one training loop: what it keeps, averages, shifts at random, and minimises."""

import numpy as np
import pytest
import torch

from glasscast.errors import SettingsError
from glasscast.models.botan.loss import PairObjective
from glasscast.networks.batch import batch_graph, box_symmetries
from glasscast.structure.graphs import build_graph
from glasscast.training.examples import join_examples, make_example, measure_targets
from glasscast.training.objectives import mean_pearson
from tests.deep import liquid, tiny, weights


def test_validation_keeps_the_best_epoch_and_stops_early():
    model = tiny("botan", training={"epochs": 60, "patience": 2, "learning_rate": 0.05})
    model.fit([liquid(1)], [liquid(2)])
    scores = [row.validation_pearson for row in model.history_]
    best = model.provenance_["best_epoch"]
    assert scores[best - 1] == max(scores)
    assert len(scores) == min(60, best + 2)
    with torch.no_grad():
        nodes, _ = model.network_(model.read(liquid(2)))
    truth = torch.from_numpy(liquid(2).propensity.T.copy())
    types = torch.from_numpy(liquid(2).types.copy())
    again = np.mean([mean_pearson(nodes[types == s], truth[types == s]) for s in (0, 1)])
    assert again == pytest.approx(max(scores), abs=1e-5)


def test_averaged_weights_are_the_running_mean_of_the_steps():
    """A memory m keeps w <- m w + (1 - m) v of the weights v after each step, from the first."""
    settings = {"learning_rate": 1e-3, "schedule": "constant", "warmup": 0, "average": 0.0}
    after = [
        weights(tiny("geo-gnn", training={**settings, "epochs": n}).fit([liquid(1)]))
        for n in (1, 2, 3)
    ]
    averaged = {**settings, "epochs": 3, "average": 0.7}
    got = weights(tiny("geo-gnn", training=averaged).fit([liquid(1)]))
    expected = 0.7 * (0.7 * after[0] + 0.3 * after[1]) + 0.3 * after[2]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(got, after[2], rtol=1e-4, atol=1e-6)


def test_mixed_precision_needs_a_gpu():
    if torch.cuda.is_available():
        pytest.skip("has one")
    with pytest.raises(SettingsError, match="needs a GPU"):
        tiny("botan", training={"precision": "bfloat16"}).fit([liquid(1)])


def test_box_symmetries_are_the_octahedral_group():
    group = box_symmetries(3)
    assert len({tuple(m.flatten().tolist()) for m in group}) == 48
    products = torch.einsum("aij,bjk->abik", group, group).reshape(-1, 9)
    assert len({tuple(m.tolist()) for m in products}) == 48
    assert len(box_symmetries(2)) == 8


def test_loss_is_the_mean_over_configurations_of_different_size():
    """A batch of 64 and 27 particles weighs both alike, as two steps of one would."""
    model = tiny("botan").fit([liquid(1)])
    pair = [liquid(1), liquid(2, side=3)]
    statistics = measure_targets(pair, "propensity", (0, 1), "dataset", True)
    examples = [make_example(c, model.read(c), "propensity", statistics, np.inf) for c in pair]
    objective = PairObjective(0.4)

    def loss(example):
        with torch.no_grad():
            return float(objective(model.network_(example.inputs), example))

    apart = [loss(example) for example in examples]
    assert loss(join_examples(examples)) == pytest.approx(np.mean(apart), rel=1e-5)


@pytest.mark.parametrize("triplets", [False, True])
def test_jittered_graph_is_the_graph_of_the_moved_particles(triplets):
    start = liquid(1)
    graph = batch_graph(build_graph(start, 1.4), triplets=triplets, dtype=torch.float64)
    shifts = 1e-3 * torch.randn(start.size, 3, dtype=torch.float64)
    moved = graph.jittered(shifts)
    points = torch.tensor(start.positions) + shifts
    vectors = points[graph.index.senders] - points[graph.index.receivers]
    box = torch.tensor(start.box)
    vectors -= box * (vectors / box).round()
    torch.testing.assert_close(moved.vectors, vectors)
    if triplets:
        directions = torch.nn.functional.normalize(vectors, dim=1)
        torch.testing.assert_close(moved.triplets.directions, directions)


def test_jitter_is_drawn_anew_at_each_step():
    """With jitter the loss of an epoch differs, and equal seeds give equal weights."""
    settings = {"jitter": 0.05, "learning_rate": 1e-12}
    a, b = (tiny("geo-gnn", training=settings).fit([liquid(1)]) for _ in range(2))
    losses = [row.loss for row in a.history_]
    assert len(set(losses)) == len(losses)
    assert losses == [row.loss for row in b.history_]
