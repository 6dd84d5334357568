"""Small forecasts and configurations that the report's tests share."""

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.models.forecast import ModelForecast
from glasscast.models.selection import SelectionScores


def configuration(name="c0", dimension=3, labels=True, halves=True, seed=0, size=60, **metadata):
    rng = np.random.default_rng(seed)
    box = np.array([5.0, 6.0, 7.0])[:dimension]
    two = rng.gamma(3.0, 0.1, (2, 2, size))
    return Configuration(
        name=name,
        positions=rng.uniform(0, 1, (size, dimension)) * box,
        types=(np.arange(size) % 5 == 4).astype(np.int8),
        box=box,
        times=np.array([1.0, 100.0]) if labels else np.empty(0),
        propensity=two.mean(axis=0) if labels else None,
        propensity_halves=two if labels and halves else None,
        metadata=metadata,
    )


def forecast(c, model="lr", seed=1):
    rng = np.random.default_rng(seed)
    values = rng.gamma(3.0, 0.1, (2, c.size)).astype(np.float32)
    return ModelForecast(configuration=c, model=model, times=np.array([1.0, 100.0]), values=values)


def with_pairs(c, seed=2):
    """Forecast of a configuration's pairs alone, which are then measured as well."""
    rng = np.random.default_rng(seed)
    bonds = np.argwhere(np.triu(np.ones((c.size, c.size), dtype=bool), 1)).T
    change = rng.normal(0, 0.1, (len(c.times), bonds.shape[1]))
    truth = c.with_fields(bonds=bonds, bond_change=change)
    return ModelForecast(
        configuration=truth,
        model="pairs",
        times=c.times,
        values=np.full((len(c.times), c.size), np.nan, dtype=np.float32),
        bonds=bonds[::-1],  # the other end first
        bond_change=(0.5 * change).astype(np.float32),
    )


def selection(*names):
    return SelectionScores(
        species=0,
        time=100.0,
        names=names or ("q6", "g"),
        training=np.array([0.3, 0.4]),
        counts=np.array([1, 10, 100]),
        test=np.array([0.2, 0.4, 0.5]),
    )
