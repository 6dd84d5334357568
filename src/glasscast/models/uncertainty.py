r"""How far forecasts are from what is measured: a standard deviation for every particle.

Learned from forecasts of configurations that the model was not fitted on. The size of the error
:math:`r_i` of a particle is

.. math:: \ln E|r_i| = w_0 + \sum_k w_k x_{ik},

for each species and time on its own, fitted by the likelihood of sizes that are gamma distributed
(McCullagh and Nelder, Generalized Linear Models, 1989, chapter 8); squares would let the few
largest errors decide. The descriptors :math:`x` are those of any forecast, as deviations from the
mean of its configuration: its value and the square of it, mean and spread of the forecasts of the
neighbours, and how crowded the particle is; of a mean over trainings also how far these differ.

Configurations that the weights were not fitted on say how much of that is true: the logarithm of
the width varies by the share of it that is found again there, and 68.27 % of their errors are
smaller than the standard deviation.

What is called an error holds the noise of the labels too: a mean over R trajectories differs from
the exact mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.splits import families, fold_indices
from glasscast.errors import ModelError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.neighbours import Neighbours, find_neighbours
from glasscast.models.forecast import ModelForecast

#: What the width is a function of, in the order of the weights behind the constant.
FEATURES = (
    "forecast",
    "square of the forecast",
    "mean over neighbours",
    "spread over neighbours",
    "crowding",
)
#: One more, of forecasts that are means over trainings.
MEMBERS = "spread of the trainings"
#: Share of a normal distribution within one standard deviation of its mean.
ONE_SIGMA = 0.682689492137086
_CUTOFF = 2.0  # of neighbours, in sigma
_CROWDING = 0.5  # length over which a neighbour counts less by 1/e, in sigma
_FAR = 4.0  # descriptors are taken as no farther from their mean, in standard deviations
_FOLDS = 3
_STRENGTH = 1.0  # of the ridge penalty on standardised descriptors
_STEPS = 50
_LEAST = 1e-12  # size of the errors of a forecast without any
_SPAN = 5.0  # factor that an error may be expected to differ by from the mean error
_LEAST_SHARE = 0.2  # of the variation that is believed: no width is constant
_ALONE = 0.5  # the share, where nothing can be left out to find it


class _Sample(NamedTuple):
    """One configuration: species (N,), descriptors (T, N, F) and errors (T, N)."""

    types: NDArray[np.int8]
    features: FloatArray
    errors: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Uncertainty:
    """Standard deviation of a forecast as a function of that forecast, by species and time.

    Parameters
    ----------
    species : S species, as numbers.
    scale : (S, T + 1) standard deviation of the forecasts it was learned from, and behind them of
        the crowding, within configurations; (S, 2 T + 1) with those of the spreads of trainings.
        What lies farther than four of these from the mean of its configuration and species counts
        as if it lay there.
    weights : (S, T, 1 + F) of the constant and of the descriptors; NaN where no error was known.
    share : (S, T) of the variation of widths that is believed: that which is found again in
        configurations that the weights were not fitted on.
    deviation : (S, T) standard deviation where the descriptors foretell the mean error, such that
        ONE_SIGMA of the errors in configurations left out are smaller than stated.
    on : names of the configurations it was learned from.
    features : what the descriptors are.
    coverage : what the stated widths cover, on configurations not used for them; JSON values.
    """

    species: tuple[int, ...]
    scale: FloatArray
    weights: FloatArray
    share: FloatArray
    deviation: FloatArray
    on: tuple[str, ...]
    features: tuple[str, ...] = FEATURES
    coverage: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def learn(cls, forecasts: Sequence[ModelForecast]) -> Self:
        """Learn from forecasts of labelled configurations that the model was not fitted on.

        Where all of them are means over trainings their ``spread`` is a descriptor too.

        Raises
        ------
        ModelError : if no label is known at any time of the forecasts.
        """
        species = tuple(sorted({s for f in forecasts for s in f.configuration.species}))
        members = all(f.spread is not None for f in forecasts)
        measured = [_measures(forecast, members) for forecast in forecasts]
        scale = _scales(measured, species)
        samples = [
            _Sample(f.configuration.types, _features(m, species, scale), f.errors())
            for f, m in zip(forecasts, measured, strict=True)
        ]
        if not any(np.isfinite(sample.errors).any() for sample in samples):
            raise ModelError("no configuration to learn the uncertainty from is labelled")
        weights = _weights(samples, species)
        held = _left_out(forecasts)
        tried: list[tuple[_Sample, FloatArray]] = []
        for out in held:
            rest = [s for k, s in enumerate(samples) if k not in out]
            without = _weights(rest, species) if len(held) > 1 else weights
            tried += [(samples[k], _logarithms(samples[k], species, without)) for k in out]
        share, deviation = np.full((2, *weights.shape[:2]), np.nan)
        for s, kind in enumerate(species):
            for row in range(weights.shape[1]):
                logarithms, sizes = _known(tried, kind, row)
                if len(sizes):
                    share[s, row] = _believed(logarithms, sizes) if len(held) > 1 else _ALONE
                    ratios = sizes / np.exp(share[s, row] * logarithms)
                    deviation[s, row] = np.quantile(ratios, ONE_SIGMA)
        return cls(
            species=species,
            scale=scale,
            weights=weights,
            share=share,
            deviation=deviation,
            on=tuple(f.configuration.name for f in forecasts),
            features=(*FEATURES, MEMBERS) if members else FEATURES,
        )

    def of(self, forecast: ModelForecast) -> NDArray[np.float32]:
        """Return one standard deviation of every particle at every time: (T, N).

        NaN where the forecast is, and where the errors of a species and time were not known.
        """
        types = forecast.configuration.types
        measured = _measures(forecast, MEMBERS in self.features)
        features = _features(measured, self.species, self.scale)
        sample = _Sample(types, features, np.empty((0, 0)))
        widths = _logarithms(sample, self.species, self.weights)
        for s, kind in enumerate(self.species):
            mine = types == kind
            widths[:, mine] = self.deviation[s][:, None] * np.exp(
                self.share[s][:, None] * widths[:, mine]
            )
        return np.where(np.isfinite(forecast.values), widths, np.nan).astype(np.float32)

    def with_coverage(self, coverage: Sequence[Mapping[str, Any]]) -> Self:
        """Return the same with what it covers."""
        return replace(self, coverage=tuple(coverage))

    def record(self) -> dict[str, Any]:
        """Return JSON values; null stands for what is not known."""
        arrays = {key: _listed(getattr(self, key)) for key in _ARRAYS}
        known = {k: v for k, v in asdict(self).items() if k not in arrays}
        return {"by": "residuals", **known, **arrays}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Take up what :meth:`record` gave; KeyError, ValueError or TypeError if it cannot be."""
        features = tuple(record["features"])
        if features not in (FEATURES, (*FEATURES, MEMBERS)):
            raise ValueError(f"uncertainty by {record['features']}")
        arrays = {key: np.array(record[key], dtype=np.float64) for key in _ARRAYS}
        kinds, times, width = arrays["weights"].shape
        columns = times * (2 if MEMBERS in features else 1) + 1
        if (arrays["scale"].shape, width) != ((kinds, columns), 1 + len(features)):
            raise ValueError(f"weights of uncertainty have shape {arrays['weights'].shape}")
        return cls(
            species=tuple(int(s) for s in record["species"]),
            on=tuple(map(str, record["on"])),
            features=features,
            coverage=tuple(record["coverage"]),
            **arrays,
        )


_ARRAYS = ("scale", "weights", "share", "deviation")


def _listed(values: FloatArray) -> Any:
    """Nested lists; None for NaN."""
    if values.ndim:
        return [_listed(row) for row in values]
    return float(values) if np.isfinite(values) else None


class _Measures(NamedTuple):
    """What descriptors are made of: species (N,), neighbours, and values by row.

    The rows are T forecasts, the crowding, and T spreads of trainings or none: (R, N).
    """

    types: NDArray[np.int8]
    near: Neighbours
    values: FloatArray
    times: int


def _measures(forecast: ModelForecast, members: bool) -> _Measures:
    configuration = forecast.configuration
    near = find_neighbours(configuration.positions, configuration.box, _CUTOFF)
    crowding = _sums(near, np.exp(-near.distances / _CROWDING))
    rows = [forecast.values.astype(np.float64), crowding]
    if members:
        unknown = np.full(forecast.values.shape, np.nan)
        rows.append(unknown if forecast.spread is None else forecast.spread.astype(np.float64))
    return _Measures(configuration.types, near, np.vstack(rows), len(forecast.values))


def _scales(measured: Sequence[_Measures], species: Sequence[int]) -> FloatArray:
    """Spread of all values about the means of their configurations, (S, R); 1 for none."""
    scale = np.ones((len(species), len(measured[0].values)))
    for s, kind in enumerate(species):
        about = [_about_mean(m.values[:, m.types == kind]) for m in measured]
        for row, values in enumerate(np.concatenate(about, axis=1)):
            known = values[np.isfinite(values)]
            scale[s, row] = (float(known.std()) if len(known) else 0.0) or 1.0
    return scale


def _about_mean(values: FloatArray) -> FloatArray:
    """Deviation of each value from the mean of those known in its row: (T, n)."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(values - total / np.maximum(known.sum(axis=1, keepdims=True), 1))


def _features(measured: _Measures, species: Sequence[int], scale: FloatArray) -> FloatArray:
    """Descriptors of a width: (T, N, F); a species that is not forecast counts as average."""
    types, near, values, times = measured
    standard = np.zeros(values.shape)
    for s, kind in enumerate(species):
        mine = types == kind
        standard[:, mine] = _about_mean(values[:, mine]) / scale[s][:, None]
    standard = np.clip(np.nan_to_num(standard), -_FAR, _FAR)
    count = np.maximum(np.diff(near.offsets), 1)
    crowding, members = standard[times], standard[times + 1 :]
    found = []
    for row, own in enumerate(standard[:times]):
        mean = _sums(near, own[near.senders]) / count
        square = _sums(near, own[near.senders] ** 2) / count
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        columns = [own, own**2, mean, spread, crowding, *members[row : row + 1]]
        found.append(np.column_stack(columns))
    return np.array(found)


def _sums(near: Neighbours, values: FloatArray) -> FloatArray:
    """Sum of a value of each pair over the neighbours of every particle: (N,)."""
    sums = np.bincount(near.receivers, values, len(near.offsets) - 1)
    return np.asarray(sums, dtype=np.float64)


def _left_out(forecasts: Sequence[ModelForecast]) -> list[list[int]]:
    """Which forecasts are left out together, in turn; all at once where all are relatives."""
    groups = families([(f.configuration.parent, f.configuration.root) for f in forecasts])
    count = min(_FOLDS, len(set(groups)))
    return fold_indices(groups, count, seed=0) if count > 1 else [list(range(len(forecasts)))]


def _weights(samples: Sequence[_Sample], species: Sequence[int]) -> FloatArray:
    """Weights (S, T, 1 + F) of the logarithm of an error over its mean; NaN for unknown errors."""
    times = len(samples[0].features)
    width = 1 + samples[0].features.shape[2]
    weights = np.full((len(species), times, width), np.nan)
    for s, kind in enumerate(species):
        for row in range(times):
            features, sizes = [], []
            for sample in samples:
                known = (sample.types == kind) & np.isfinite(sample.errors[row])
                features.append(sample.features[row, known])
                sizes.append(np.abs(sample.errors[row, known]))
            if any(map(len, sizes)):
                together = np.concatenate(sizes)
                weights[s, row] = log_mean(np.concatenate(features), together)
                weights[s, row, 0] -= np.log(max(together.mean(), _LEAST))
    return weights


def _logarithms(sample: _Sample, species: Sequence[int], weights: FloatArray) -> FloatArray:
    """Logarithm of the size of errors over their mean, as the weights have it: (T, N)."""
    found = np.full(sample.features.shape[:2], np.nan)
    for s, kind in enumerate(species):
        mine = sample.types == kind
        sums = np.einsum("tnf,tf->tn", sample.features[:, mine], weights[s, :, 1:])
        found[:, mine] = np.clip(sums + weights[s, :, :1], -np.log(_SPAN), np.log(_SPAN))
    return found


def _known(
    tried: Sequence[tuple[_Sample, FloatArray]], kind: int, row: int
) -> tuple[FloatArray, FloatArray]:
    """Logarithms and sizes of the errors of a species at one time, where they are known."""
    pairs = np.concatenate(
        [
            np.stack([logarithms[row], np.abs(sample.errors[row])])[:, sample.types == kind]
            for sample, logarithms in tried
        ],
        axis=1,
    )
    logarithms, sizes = pairs[:, np.isfinite(pairs).all(axis=0)]
    return logarithms, sizes


def _believed(logarithms: FloatArray, sizes: FloatArray) -> float:
    """Share of the variation of widths that is found again in configurations left out."""
    return float(np.clip(log_mean(logarithms[:, None], sizes)[1], _LEAST_SHARE, 1.0))


def log_mean(features: FloatArray, sizes: FloatArray) -> FloatArray:
    """Weights of the logarithm of a mean, by Newton's method: the constant's, then (F,).

    Parameters
    ----------
    features : (n, F).
    sizes : (n,) not negative, gamma distributed about their mean.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-9 * (1 + np.abs(mean)), spread, np.inf)  # constants say nothing
    x = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = np.diag([0.0, *[_STRENGTH] * features.shape[1]])
    weights = np.zeros(x.shape[1])
    weights[0] = np.log(max(sizes.mean(), _LEAST))
    for _ in range(_STEPS):
        ratio = np.maximum(sizes, _LEAST) * np.exp(-x @ weights)
        slope = x.T @ (ratio - 1) - penalty @ weights
        step = np.linalg.solve((x * ratio[:, None]).T @ x + penalty, slope)
        weights += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    plain = weights[1:] / spread
    return np.append(weights[0] - plain @ mean, plain)
