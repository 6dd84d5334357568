import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.evaluation.correlation import pearson
from glasscast.evaluation.smoothness import compare_smoothness, smoothness
from glasscast.models.forecast import ModelForecast

seeds = st.integers(0, 2**32 - 1)


def liquid(seed=0, size=60, dimension=3, side=5.0, **fields):
    rng = np.random.default_rng(seed)
    box = np.full(dimension, side)
    return Configuration(
        name="c",
        positions=rng.uniform(0, 1, (size, dimension)) * box * 0.999,
        types=(np.arange(size) % 5 == 4).astype(np.int8),
        box=box,
        **fields,
    )


def dense_laplacian(configuration, cutoff):
    """Laplacian of the A-A graph from all pairs."""
    points = configuration.positions[configuration.types == 0]
    vectors = points[:, None] - points[None]
    vectors -= configuration.box * np.round(vectors / configuration.box)
    adjacency = (np.linalg.norm(vectors, axis=-1) < cutoff).astype(float)
    np.fill_diagonal(adjacency, 0)
    return np.diag(adjacency.sum(axis=1)) - adjacency


@given(seeds, st.sampled_from([2, 3]))
def test_agrees_with_the_dense_laplacian(seed, dimension):
    configuration = liquid(seed, dimension=dimension)
    values = np.random.default_rng(seed).uniform(0.1, 1, (2, configuration.size))
    result = smoothness(configuration, values, cutoff=1.5)
    laplacian = dense_laplacian(configuration, 1.5)
    for row, x in enumerate(values[:, configuration.types == 0]):
        assert result.rayleigh[row] == pytest.approx(x @ laplacian @ x / (x @ x), abs=1e-12)
        degree = np.diag(laplacian)
        for i in np.flatnonzero(degree):
            near = x[laplacian[i] == -1]
            assert result.local[row, i] == pytest.approx(np.mean((x[i] - near) / near), abs=1e-12)
        assert np.isnan(result.local[row, degree == 0]).all()


def test_uniform_motion_is_perfectly_smooth():
    configuration = liquid()
    result = smoothness(configuration, np.full((1, configuration.size), 0.3))
    assert result.rayleigh == [0.0]
    np.testing.assert_allclose(result.local, 0, atol=1e-12)


def test_chain_wave_is_an_eigenvector():
    # A periodic chain of n particles: cos(k j) has the eigenvalue 2 - 2 cos k.
    n, k = 12, 2 * np.pi * 3 / 12
    positions = np.stack([np.arange(n) + 0.5, np.full(n, 3.0)], axis=1)
    chain = Configuration(
        name="chain", positions=positions, types=np.zeros(n, int), box=np.array([12.0, 6.0])
    )
    result = smoothness(chain, np.cos(k * np.arange(n))[None], cutoff=1.2)
    assert result.rayleigh[0] == pytest.approx(2 - 2 * np.cos(k))


@given(seeds, st.floats(0.01, 100))
def test_independent_of_unit_and_order(seed, scale):
    configuration = liquid(seed)
    values = np.random.default_rng(seed).uniform(0.1, 1, (1, configuration.size))
    order = np.random.default_rng(seed + 1).permutation(configuration.size)
    shuffled = configuration.with_fields(
        positions=configuration.positions[order], types=configuration.types[order]
    )
    a = smoothness(configuration, values)
    b = smoothness(shuffled, scale * values[:, order])
    assert b.rayleigh[0] == pytest.approx(a.rayleigh[0])
    np.testing.assert_allclose(np.sort(b.local), np.sort(a.local), atol=1e-10)


def test_other_species_play_no_role():
    configuration = liquid()
    values = np.random.default_rng(0).uniform(0.1, 1, (1, configuration.size))
    changed = values.copy()
    changed[:, configuration.types == 1] = np.nan  # as for a species that is not predicted
    np.testing.assert_array_equal(
        smoothness(configuration, values).rayleigh, smoothness(configuration, changed).rayleigh
    )


def test_comparison_takes_the_forecasts_times():
    rng = np.random.default_rng(0)
    truth = liquid(times=[1.0, 10.0], propensity=rng.uniform(0.1, 1, (2, 60)))
    forecast = ModelForecast(
        configuration=truth,
        model="m",
        times=np.array([10.0]),
        values=rng.uniform(0.1, 1, (1, 60)).astype(np.float32),
    )
    result = compare_smoothness(forecast, truth)
    expected = smoothness(truth, truth.propensity)
    assert result.true.rayleigh == pytest.approx(expected.rayleigh[1:])
    assert result.local_pearson[0] == pytest.approx(
        pearson(result.predicted.local[0], expected.local[1])
    )
    with pytest.raises(ShapeError, match="no 'propensity'"):
        compare_smoothness(forecast, liquid())


def test_refusals():
    configuration = liquid()
    values = np.ones((1, configuration.size))
    with pytest.raises(ShapeError, match="must have shape"):
        smoothness(configuration, values[:, 1:])
    with pytest.raises(ShapeError, match="no particle of species 3"):
        smoothness(configuration, values, species=3)
    with pytest.raises(ShapeError, match="no 'cage' positions"):
        smoothness(configuration, values, structure="cage")


def test_undefined_values_are_nan():
    configuration = liquid()
    result = smoothness(configuration, np.zeros((1, configuration.size)))
    assert np.isnan(result.rayleigh).all()
    assert np.isnan(result.local).all()
