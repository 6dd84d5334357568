"""Terms of the mobility loss against closed forms and a loop."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from glasscast.models.glass_mlp.loss import (
    MobilityLoss,
    RingedTable,
    correlation_term,
    ring_correlation,
    ring_weights,
    variance_term,
)
from glasscast.training.examples import TargetStatistics
from tests.conftest import random_liquid

DISTANCES = (1.0, 2.0, 3.0)


@pytest.fixture(scope="module")
def particles():
    rng = np.random.default_rng(0)
    positions, _, box = random_liquid(rng, 60, density=0.04)
    return positions, box, torch.from_numpy(rng.random((60, 2))).float()


def test_ring_correlation_equals_a_loop(particles):
    positions, box, mobility = particles
    got = ring_correlation(mobility, ring_weights(positions, box, DISTANCES))
    m = mobility.numpy().astype(float)
    delta = m - m.mean(axis=0)
    for k, d in enumerate(DISTANCES):
        total = np.zeros(2)
        for i in range(60):
            step = positions - positions[i]
            r = np.linalg.norm(step - box * np.round(step / box), axis=1)
            w = np.exp(-((r - d) ** 2) / 2)
            total += delta[i] * (w @ delta) / w.sum()
        np.testing.assert_allclose(got[k], total / (delta**2).sum(axis=0), rtol=1e-4)


def test_two_particles_have_a_closed_form():
    """delta = +-1/2, so G_d = (w(0) - w(r)) / (w(0) + w(r)) with w the Gaussian ring."""
    positions, box = np.array([[1.0, 1, 1], [2.5, 1, 1]]), np.full(3, 20.0)
    got = ring_correlation(torch.tensor([[0.0], [1.0]]), ring_weights(positions, box, DISTANCES))
    w = lambda r, d: np.exp(-((r - d) ** 2) / 2)  # noqa: E731
    expected = [(w(0, d) - w(1.5, d)) / (w(0, d) + w(1.5, d)) for d in DISTANCES]
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-5)


def test_variance_term_knows_only_the_spread():
    truth = torch.tensor([[0.0], [1.0], [2.0]])
    assert variance_term(truth.flip(0) + 5, truth).item() == pytest.approx(0, abs=1e-6)
    assert variance_term(3 * truth, truth).item() == pytest.approx(8)
    assert variance_term(torch.zeros(3, 1), truth).item() == pytest.approx(1)


def test_correlation_term_ignores_unit_and_origin_of_the_mobility(particles):
    positions, box, mobility = particles
    rings = ring_weights(positions, box, DISTANCES)
    other = mobility.flip(0)
    np.testing.assert_allclose(correlation_term(mobility, mobility, rings), 0, atol=1e-6)
    base = correlation_term(other, mobility, rings)
    assert (base > 0.01).all()
    scaled = correlation_term(3 * other - 1, 3 * mobility - 1, rings)
    np.testing.assert_allclose(scaled, base, rtol=1e-3)


def loss_of(forecast, truth, rings, **weights):
    statistics = TargetStatistics(
        (0,), np.array([[0.5, 0.6]]), np.array([[0.1, 0.2]]), np.zeros(2), np.ones(2)
    )
    size = len(truth)
    types, features = torch.zeros(size, dtype=torch.int64), torch.zeros(size, 1)
    table = RingedTable(types, features, (size,), 3, rings=((rings,),))
    learned = torch.zeros(size, dtype=torch.int64)
    example = SimpleNamespace(
        inputs=table,
        nodes=truth,
        learned=learned,
        node_weights=torch.full(truth.shape, 1 / len(truth)),
        noisy=torch.zeros(1, 1, truth.shape[1], dtype=torch.bool),
    )
    return MobilityLoss(statistics=statistics, **weights)((forecast, None), example)


def test_the_loss_is_the_weighted_sum_of_its_terms(particles):
    positions, box, mobility = particles
    rings = ring_weights(positions, box, DISTANCES)
    truth, forecast = mobility * 2 - 1, mobility.flip(0) - 0.3
    zero = loss_of(truth, truth, rings, variance_weight=1.0, correlation_weight=0.5)
    assert zero.item() == pytest.approx(0, abs=1e-5)
    error = loss_of(forecast, truth, rings)
    assert error.item() == pytest.approx((forecast - truth).abs().mean().item(), rel=1e-6)
    with_variance = loss_of(forecast, truth, rings, variance_weight=2.0)
    expected = 2 * variance_term(forecast, truth).mean().item()
    assert (with_variance - error).item() == pytest.approx(expected, rel=1e-4)
    # Published: m = [tanh(20 (y - y0)) + 1] / 2 of the raw label y = mean + std z.
    mean, std = np.array([0.5, 0.6]), np.array([0.1, 0.2])
    m = [
        torch.from_numpy((np.tanh(20 * (mean + std * z.numpy() - 0.44)) + 1) / 2).float()
        for z in (forecast, truth)
    ]
    whole = loss_of(forecast, truth, rings, correlation_weight=0.5, threshold=0.44)
    expected = 0.5 * correlation_term(*m, rings).mean().item()
    assert (whole - error).item() == pytest.approx(expected, rel=1e-3)


def test_bond_breaking_counts_what_is_kept():
    statistics = TargetStatistics((0,), np.zeros((1, 1)), np.ones((1, 1)), np.zeros(1), np.ones(1))
    kept = torch.tensor([[0.25], [1.0]])
    loss = MobilityLoss(statistics=statistics, target="bond_breaking")
    assert loss.mobility(kept, 0).tolist() == [[0.75], [0]]
