r"""Pearson correlation and error over configurations, with bootstrap intervals.

Everything is computed from seven numbers a configuration (:class:`PairMoments`), so that scores of
any number of configurations, and thousands of bootstrap resamples of them, cost no second look at
the particles and no memory for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray

#: A spread below this part of the mean is rounding, not variation (as a constant has).
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class PairMoments:
    r"""Sufficient statistics of paired values, one entry a configuration.

    Sums of squares are taken about the configuration's own mean, which keeps them exact for
    values whose mean is large against their spread; pooling adds the spread between
    configurations c,

    .. math:: S_{xy} = \sum_c S_{xy}^c + n_c (\bar x_c - \bar x)(\bar y_c - \bar y).

    Parameters
    ----------
    count : (C, ...) number of pairs n.
    mean_x, mean_y : (C, ...) means.
    sxx, syy, sxy : (C, ...) centred sums of squares and products.
    squared_error : (C, ...) sum of ``(x - y)**2``.
    """

    count: FloatArray
    mean_x: FloatArray
    mean_y: FloatArray
    sxx: FloatArray
    syy: FloatArray
    sxy: FloatArray
    squared_error: FloatArray

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike) -> Self:
        """Reduce the last axis of paired values; the result has a leading axis of length 1.

        Parameters
        ----------
        x, y : (..., N) values of one configuration.

        Raises
        ------
        ShapeError : if the shapes differ or there is no pair.
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if x.shape != y.shape or x.ndim == 0 or x.shape[-1] == 0:
            raise ShapeError(f"paired values of shapes {x.shape} and {y.shape} cannot be compared")
        mean_x, mean_y = x.mean(axis=-1), y.mean(axis=-1)
        dx, dy = x - mean_x[..., None], y - mean_y[..., None]
        sums = (
            np.full(mean_x.shape, float(x.shape[-1])),
            mean_x,
            mean_y,
            np.sum(dx * dx, axis=-1),
            np.sum(dy * dy, axis=-1),
            np.sum(dx * dy, axis=-1),
            np.sum((x - y) ** 2, axis=-1),
        )
        return cls(*(each[None] for each in sums))

    @classmethod
    def join(cls, moments: Sequence[PairMoments]) -> Self:
        """Stack the moments of several configurations along the first axis."""
        return cls(
            *(np.concatenate([getattr(each, f.name) for each in moments]) for f in fields(cls))
        )

    def __len__(self) -> int:
        return len(self.count)

    def __getitem__(self, index: Any) -> PairMoments:
        """Select configurations, times, ... of every statistic at once."""
        return PairMoments(*(getattr(self, f.name)[index] for f in fields(self)))

    def pearson(self) -> FloatArray:
        """Pearson correlation of each configuration: (C, ...); NaN where either is constant."""
        return _ratio(self.count, self.mean_x, self.mean_y, self.sxx, self.syy, self.sxy)

    def pearson_mean(self, weights: FloatArray | None = None) -> FloatArray:
        """Mean over configurations of their Pearson correlations: (B, ...) for (B, C) weights."""
        weights = self._weights(weights)
        return _contract(weights / weights.sum(axis=1, keepdims=True), self.pearson())

    def pearson_pooled(self, weights: FloatArray | None = None) -> FloatArray:
        """Pearson correlation over all particles of all configurations: (B, ...)."""
        weights = self._weights(weights)
        count = _contract(weights, self.count)
        # About the grand mean first: between-configuration terms then suffer no cancellation.
        origin_x = np.sum(self.count * self.mean_x, axis=0) / self.count.sum(axis=0)
        origin_y = np.sum(self.count * self.mean_y, axis=0) / self.count.sum(axis=0)
        dx, dy = self.mean_x - origin_x, self.mean_y - origin_y
        mx = _contract(weights, self.count * dx) / count
        my = _contract(weights, self.count * dy) / count
        sxx = _contract(weights, self.sxx + self.count * dx * dx) - count * mx * mx
        syy = _contract(weights, self.syy + self.count * dy * dy) - count * my * my
        sxy = _contract(weights, self.sxy + self.count * dx * dy) - count * mx * my
        return _ratio(count, origin_x + mx, origin_y + my, sxx, syy, sxy)

    def rmse(self, weights: FloatArray | None = None) -> FloatArray:
        """Root of the mean squared error over all particles: (B, ...)."""
        weights = self._weights(weights)
        return np.sqrt(_contract(weights, self.squared_error) / _contract(weights, self.count))

    def _weights(self, weights: FloatArray | None) -> FloatArray:
        return np.ones((1, len(self))) if weights is None else np.asarray(weights, np.float64)


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    r"""Pearson correlation of two sets of values.

    .. math:: r = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}
        {\sqrt{\sum_i (x_i - \bar x)^2 \sum_i (y_i - \bar y)^2}}

    Parameters
    ----------
    x, y : (N,)

    Returns
    -------
    float in [-1, 1]; NaN if either is constant (its spread is below 1e-13 of its mean), and NaN
    if any value is NaN: a hole in a forecast must not raise its score.

    Raises
    ------
    ShapeError : if the shapes differ or are empty.
    """
    return float(PairMoments.of(np.ravel(x), np.ravel(y)).pearson()[0])


def pearson_mean(predicted: Sequence[ArrayLike], true: Sequence[ArrayLike]) -> float:
    """Average over configurations of the correlation within each.

    Parameters
    ----------
    predicted, true : one (N_c,) array a configuration.

    Returns
    -------
    float; NaN if it is undefined in any configuration.

    References
    ----------
    Pcc(mean), eq. 23 of the EIGNN paper (Jiang et al.).
    """
    return float(_moments(predicted, true).pearson_mean()[0])


def pearson_pooled(predicted: Sequence[ArrayLike], true: Sequence[ArrayLike]) -> float:
    """Correlation over the particles of all configurations taken together.

    Unlike :func:`pearson_mean` it rewards a forecast of a configuration's mean level.

    Parameters
    ----------
    predicted, true : one (N_c,) array a configuration.

    References
    ----------
    Pcc(all), eq. 24 of the EIGNN paper (Jiang et al.); the metric of GlassBench.
    """
    return float(_moments(predicted, true).pearson_pooled()[0])


def rmse(predicted: Sequence[ArrayLike], true: Sequence[ArrayLike]) -> float:
    """Root mean squared error over the particles of all configurations, in the values' unit."""
    return float(_moments(predicted, true).rmse()[0])


def bootstrap_weights(configurations: int, resamples: int = 2000, seed: int = 0) -> FloatArray:
    """How often each configuration occurs in each bootstrap resample.

    Configurations, not particles, are drawn: particles of one snapshot move together.

    Parameters
    ----------
    configurations : C.
    resamples : B.
    seed : equal seeds give equal resamples, so that models are compared on the same draws.

    Returns
    -------
    (B, C) float64; each row sums to C.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(
        configurations, np.full(configurations, 1 / configurations), size=resamples
    ).astype(np.float64)


def bootstrap_interval(
    samples: FloatArray, configurations: int, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Percentile interval of a bootstrapped statistic.

    Parameters
    ----------
    samples : (B, ...) the statistic of each resample.
    configurations : C; with a single one nothing is known of the spread: NaN, not zero. With
        fewer than about ten the interval is too narrow.
    level : coverage aimed at.

    Returns
    -------
    low, high : (...) each.
    """
    if configurations < 2:
        unknown = np.full(samples.shape[1:], np.nan)
        return unknown, unknown.copy()
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _moments(x: Sequence[ArrayLike], y: Sequence[ArrayLike]) -> PairMoments:
    if len(x) != len(y) or len(x) == 0:
        raise ShapeError(f"{len(x)} predicted and {len(y)} true configurations cannot be compared")
    return PairMoments.join(
        [PairMoments.of(np.ravel(a), np.ravel(b)) for a, b in zip(x, y, strict=True)]
    )


def _contract(weights: FloatArray, values: FloatArray) -> FloatArray:
    """Weighted sum over configurations: (B, C) with (C, ...) gives (B, ...)."""
    return np.tensordot(weights, values, axes=1)


def _ratio(
    count: FloatArray,
    mean_x: FloatArray,
    mean_y: FloatArray,
    sxx: FloatArray,
    syy: FloatArray,
    sxy: FloatArray,
) -> FloatArray:
    """Pearson correlation from sums; NaN where the spread is no more than rounding."""
    varies = (sxx > count * (_ROUNDING * mean_x) ** 2) & (syy > count * (_ROUNDING * mean_y) ** 2)
    # Two roots, not the root of the product: that underflows for tiny values.
    scale = np.where(varies, np.sqrt(np.abs(sxx)) * np.sqrt(np.abs(syy)), np.nan)
    return np.clip(sxy / scale, -1.0, 1.0)
