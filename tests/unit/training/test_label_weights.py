"""Labels of few runs in the training loop: signal apart from noise, weights, absent rows."""

import numpy as np
import pytest
import torch

from glasscast.models.glass_mlp.loss import MobilityLoss
from glasscast.networks.descriptors import DescriptorTable
from glasscast.training.examples import make_example, measure_targets
from glasscast.training.label_weights import UNEXPLAINED, signal_and_noise
from glasscast.training.loop import drawn, draws_of
from glasscast.training.objectives import Objective
from tests.deep import liquid, tiny
from tests.steps import Steps


def told(seed, runs, noise=0.0, lost=()):
    """A liquid whose labels are means over runs, with an error of that size for a single one."""
    whole = liquid(seed, side=8)
    rng = np.random.default_rng(100 + seed)
    values = whole.propensity + noise / runs**0.5 * rng.normal(size=whole.propensity.shape)
    counts = np.full(2, runs, dtype=np.int32)
    for row in lost:
        values[row], counts[row] = np.nan, 0
    return whole.with_fields(
        name=f"{seed}-{runs}", propensity=values, runs=counts, bonds=None, bond_change=None
    )


def test_variances_of_different_runs_tell_signal_from_noise():
    runs = np.array([1, 1, 1, 4, 32])
    variance = 2.0 + 12.0 / runs
    assert signal_and_noise(runs, variance, np.full(5, 100.0)) == pytest.approx((2.0, 12.0))
    assert signal_and_noise(runs[:3], variance[:3], np.full(3, 100.0)) == (14.0, 0.0)


@pytest.mark.parametrize("normalisation", ["dataset", "configuration"])
def test_targets_are_standardised_by_their_signal(normalisation):
    noise = 3.0
    clean = [told(k, 32) for k in range(4)]
    noisy = [told(k, 32, noise) for k in range(4)] + [told(k, 1, noise) for k in range(4, 16)]
    wanted = measure_targets(clean, "propensity", (0, 1), normalisation, False)
    found = measure_targets(noisy, "propensity", (0, 1), normalisation, False)
    assert wanted.node_noise is None
    np.testing.assert_allclose(found.node_std[0], wanted.node_std[0], rtol=0.15)
    k = noise**2 / (UNEXPLAINED * wanted.node_std[0] ** 2)
    np.testing.assert_allclose(found.node_noise[0], k, rtol=0.3)
    fixed = measure_targets(noisy, "propensity", (0, 1), normalisation, False, noise=8.0)
    assert (fixed.node_noise == 8).all()


def test_a_single_run_weighs_what_its_noise_leaves():
    model = tiny("nt-gnn").fit([told(1, 32)])
    data = [told(k, 32, 2.0) for k in range(3)] + [told(k, 1, 2.0) for k in range(3, 9)]
    statistics = measure_targets(data, "propensity", (0, 1), "dataset", False, noise=7.0)
    many, one = (
        make_example(c, model.read(c), "propensity", statistics) for c in (data[0], data[3])
    )
    assert many.node_weights.sum(0).tolist() == pytest.approx([1, 1])
    assert one.node_weights.sum(0).tolist() == pytest.approx([(1 + 7 / 32) / 8] * 2)
    assert one.noisy.all()
    assert not many.noisy.any()


def test_rows_without_labels_pull_at_nothing():
    """The loss and its gradient are those of the row that is there; no forecast matters there."""
    model = tiny("nt-gnn").fit([told(1, 32)])
    statistics = measure_targets([told(1, 32)], "propensity", (0, 1), "dataset", False)
    example = make_example(told(1, 32, lost=[0]), model.read(told(1, 32)), "propensity", statistics)
    outputs = torch.randn(example.nodes.shape, requires_grad=True)
    for objective in (Objective(), MobilityLoss(statistics, variance_weight=0.5)):
        (gradient,) = torch.autograd.grad(objective((outputs, None), example), outputs)
        assert torch.isfinite(gradient).all()
        assert not gradient[:, 0].any()
        assert gradient[:, 1].any()


def test_of_single_runs_the_mean_is_learned_not_the_median():
    """Errors of single runs are squared: the best constant is their mean."""
    model, data = tiny("nt-gnn").fit([told(1, 32)]), told(2, 1)
    skewed = data.propensity.copy()
    skewed[:, ::5] += 20
    data = data.with_fields(propensity=skewed)
    statistics = measure_targets([data], "propensity", (0, 1), "none", False)
    example = make_example(data, model.read(data), "propensity", statistics)
    best = torch.zeros(2, 2, requires_grad=True)
    loss = MobilityLoss(statistics, variance_weight=1.0)((best[example.learned], None), example)
    (gradient,) = torch.autograd.grad(loss, best)
    means = torch.stack([example.nodes[example.learned == s].mean(0) for s in (0, 1)])
    torch.testing.assert_close(gradient / gradient[0, 0], means / means[0, 0])


def test_an_epoch_draws_each_as_often_as_it_weighs(rng):
    chances = np.array([1.0, 1.0, 0.4, 0.1, 0.0, 0.5])
    epochs = [drawn(rng, 6, chances) for _ in range(3000)]
    assert {len(epoch) for epoch in epochs} == {draws_of(6, chances)} == {3}
    visits = np.bincount(np.concatenate(epochs), minlength=6) / 3000
    np.testing.assert_allclose(visits, chances, atol=0.03)
    assert len({epoch[0] for epoch in epochs}) == 5
    assert sorted(drawn(rng, 6, None)) == list(range(6))


def test_drawn_by_weight_the_loss_is_the_same_on_average(rng):
    data = [told(k, 32, 2.0) for k in range(2)] + [told(k, 1, 2.0) for k in range(2, 8)]
    model = tiny("nt-gnn").fit([told(1, 32)])
    statistics = measure_targets(data, "propensity", (0, 1), "dataset", False, noise=7.0)
    examples = [make_example(c, model.read(c), "propensity", statistics) for c in data]
    outputs = [(torch.randn(e.nodes.shape), None) for e in examples]
    chances = np.array([statistics.node_weights(tuple(c.runs)).max() for c in data])
    assert chances[0] == 1
    assert chances[2] == pytest.approx((1 + 7 / 32) / 8)
    losses = [float(Objective()(*pair)) for pair in zip(outputs, examples, strict=True)]
    scaled = [
        float(Objective()(o, e.weighed(1 / p)))
        for o, e, p in zip(outputs, examples, chances, strict=True)
    ]
    found = np.mean([sum(scaled[i] for i in drawn(rng, 8, chances)) for _ in range(4000)])
    visits = draws_of(8, chances) / chances.sum()
    assert found == pytest.approx(visits * sum(losses), rel=0.02)


def test_a_fit_by_weight_takes_fewer_steps():
    data = [told(k, 32, 2.0) for k in range(2)] + [told(k, 1, 2.0) for k in range(2, 10)]
    for draw, steps in (("all", 20), ("by_weight", 6)):
        settings = {"epochs": 2, "draw": draw, "validation_fraction": 0.0, "label_noise": 7.0}
        model = tiny("nt-gnn", training=settings)
        model.workspace.progress = Steps()
        model.fit(data)
        assert sum(model.workspace.progress.taken) == model.workspace.progress.total == steps


def test_noise_is_compared_with_nothing_but_the_mean():
    """Neither variance nor correlations of single runs are asked for; nothing is kept for them."""
    data = [told(0, 32, 2.0)] + [told(k, 1, 2.0) for k in range(1, 5)]
    statistics = measure_targets(data, "propensity", (0, 1), "dataset", False)
    whole = MobilityLoss(statistics, variance_weight=0.5, correlation_weight=0.5)
    for configuration in data[:2]:
        types = torch.from_numpy(configuration.types.astype(np.int64))
        table = DescriptorTable(types, torch.zeros(len(types), 1), (len(types),), 3)
        inputs = whole.prepare(configuration, table)
        example = make_example(configuration, inputs, "propensity", statistics)
        outputs = torch.linspace(-1, 1, example.nodes.numel()).reshape(example.nodes.shape)
        error = MobilityLoss(statistics)((outputs, None), example)
        loss = whole((outputs, None), example)
        if configuration is data[0]:
            assert loss > error + 0.01
            assert inputs.nbytes() > table.nbytes()
        else:
            assert torch.equal(loss, error)
            assert inputs.nbytes() == table.nbytes()
