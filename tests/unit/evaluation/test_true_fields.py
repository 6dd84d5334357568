"""Smoothness of the truth and sizes of graphs against closed forms and plain loops."""

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation.smoothness import smoothness
from glasscast.evaluation.true_fields import THRESHOLDS, graph_sizes, true_smoothness
from tests.conftest import labelled


def test_a_constant_propensity_is_perfectly_smooth(rng):
    c = labelled(rng, "c")
    flat = c.with_fields(propensity=np.ones_like(c.propensity), propensity_halves=None)
    found = true_smoothness([flat])
    np.testing.assert_array_equal(found.rayleigh, 0)
    np.testing.assert_allclose(found.local, 0, atol=1e-12)
    assert np.isnan(found.correlation).all()


def test_means_are_over_configurations_and_tenths_of_their_particles(rng):
    both = [labelled(rng, name) for name in "ab"]
    found, each = true_smoothness(both), [smoothness(c, c.propensity) for c in both]
    np.testing.assert_allclose(found.rayleigh, np.mean([s.rayleigh for s in each], axis=0))
    values = np.concatenate([c.propensity[0, c.types == 0] for c in both])
    local = np.concatenate([s.local[0] for s in each])
    assert found.correlation[0] == pytest.approx(np.corrcoef(values, local)[0, 1])
    assert found.correlation[0] > 0.5  # who moves most moves more than its neighbours
    assert np.all(np.diff(found.propensity[0]) > 0)
    assert found.local[0, -1] > found.local[0, 0]
    bare = both[0].with_fields(times=np.empty(0), propensity=None, propensity_halves=None)
    assert true_smoothness([bare]) is None


def test_a_cubic_lattice_has_six_neighbours_and_thirty_triplets():
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lattice = Configuration(
        name="l", positions=grid, types=np.zeros(len(grid), dtype=np.int8), box=np.full(3, 6.0)
    )
    found = graph_sizes([lattice, lattice])
    counts = zip(found.edges, found.triplets, strict=True)
    sizes = dict(zip(THRESHOLDS.tolist(), counts, strict=True))
    assert sizes[1.0] == (0, 0)
    assert sizes[1.2] == (6, 30)
    assert sizes[1.5] == (18, 18 * 17)
    assert sizes[1.8] == (26, 26 * 25)
    assert found.particles == 216
    assert graph_sizes([]) is None
