r"""Ridge regression from moments: data stream by, folds are differences, nothing is refitted.

All that least squares needs of the data are the sums of 1, x, y, x x^T, x y and y y. They add
up over configurations, so training streams, a cross-validation fold is "all minus some", and
forward selection never looks at a particle again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from glasscast.errors import ModelError
from glasscast.liquid.box import FloatArray

_CONSTANT = 1e-5  # a feature with a smaller spread carries no information and is left out


@dataclass(frozen=True)
class RidgeMoments:
    """Sums over particles of features x (F,) and targets y (T,), about a fixed origin.

    Parameters
    ----------
    count : number of particles, or the sum of their weights.
    x, y : (F,), (T,) sums.
    xx, xy, yy : (F, F), (F, T), (T,) sums of products.
    """

    count: float
    x: FloatArray
    y: FloatArray
    xx: FloatArray
    xy: FloatArray
    yy: FloatArray

    @classmethod
    def of(cls, features: FloatArray, targets: FloatArray, origin: FloatArray) -> RidgeMoments:
        """Moments of some particles.

        Parameters
        ----------
        features : (n, F).
        targets : (n, T).
        origin : (F,) near the mean: differences of large sums would lose digits.
        """
        x = features - origin
        return cls(
            float(len(x)),
            x.sum(axis=0),
            targets.sum(axis=0),
            x.T @ x,
            x.T @ targets,
            np.square(targets).sum(axis=0),
        )

    def __add__(self, other: RidgeMoments) -> RidgeMoments:
        return RidgeMoments(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def scaled(self, weight: float) -> RidgeMoments:
        """Moments of the same particles, each of which weighs so much."""
        if weight == 1:
            return self
        parts = (self.x, self.y, self.xx, self.xy, self.yy)
        return RidgeMoments(self.count * weight, *(weight * part for part in parts))

    def moved(self, shift: FloatArray) -> RidgeMoments:
        """Moments of the same particles about an origin that lies ``shift`` (F,) further."""
        if not shift.any():
            return self
        across = np.outer(shift, self.x - 0.5 * self.count * shift)
        return RidgeMoments(
            self.count,
            self.x - self.count * shift,
            self.y,
            self.xx - across - across.T,
            self.xy - np.outer(shift, self.y),
            self.yy,
        )

    def columns(self, keep: NDArray[np.int64]) -> RidgeMoments:
        """Moments of a subset of the features."""
        return RidgeMoments(
            self.count, self.x[keep], self.y, self.xx[np.ix_(keep, keep)], self.xy[keep], self.yy
        )

    def centred(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Covariances (F, F) of x, (F, T) of x with y, and variances (T,) of y."""
        mx, my = self.x / self.count, self.y / self.count
        return (
            self.xx / self.count - np.outer(mx, mx),
            self.xy / self.count - np.outer(mx, my),
            np.maximum(self.yy / self.count - my**2, 0.0),
        )


@dataclass(frozen=True)
class Standardised:
    """Moments in units where every feature has mean 0 and variance 1.

    Parameters
    ----------
    used : (K,) indices of features that vary.
    mean, scale : (F,) about the origin; scale is 1 for features that do not vary.
    correlation : (K, K) of the features used.
    covariance : (K, T) of features with targets.
    variance : (T,) of the targets.
    """

    used: NDArray[np.int64]
    mean: FloatArray
    scale: FloatArray
    correlation: FloatArray
    covariance: FloatArray
    variance: FloatArray

    @classmethod
    def of(cls, moments: RidgeMoments) -> Standardised:
        """Standardise moments; features with a spread below 1e-5 are left out."""
        xx, xy, yy = moments.centred()
        spread = np.sqrt(np.maximum(np.diag(xx), 0.0))
        used = np.flatnonzero(spread > _CONSTANT)
        scale = np.where(spread > _CONSTANT, spread, 1.0)
        s = scale[used]
        return cls(
            used,
            moments.x / moments.count,
            scale,
            xx[np.ix_(used, used)] / np.outer(s, s),
            xy[used] / s[:, None],
            yy,
        )


def ridge_path(moments: RidgeMoments, penalties: Sequence[float]) -> FloatArray:
    r"""Ridge weights of every penalty.

    Minimises :math:`\sum_n (y_n - \bar y - w \cdot z_n)^2 + \alpha |w|^2` over standardised
    features z; the weights returned are those of the features themselves. A Cholesky
    factorisation a penalty costs a fourth of one eigendecomposition for four of them.

    Parameters
    ----------
    moments : of the training particles.
    penalties : (A,) positive values of alpha.

    Returns
    -------
    (A, F, T) float64; 0 for features that do not vary.

    Raises
    ------
    ModelError : if a penalty is too small to make dependent features solvable.
    """
    z = Standardised.of(moments)
    out = np.zeros((len(penalties), len(z.scale), z.covariance.shape[1]))
    for weights, penalty in zip(out, penalties, strict=True):
        matrix = z.correlation.copy(order="F")
        matrix[np.diag_indices_from(matrix)] += penalty / moments.count
        try:
            factor = scipy.linalg.cho_factor(matrix, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            raise ModelError(
                f"the penalty {penalty:g} is too small for descriptors that depend on each "
                "other; choose a larger one"
            ) from None
        weights[z.used] = scipy.linalg.cho_solve(factor, z.covariance) / z.scale[z.used, None]
    return out


def residual_variance(moments: RidgeMoments, weights: FloatArray) -> FloatArray:
    """Variance of y - w x over some particles; an offset common to all does not count.

    Parameters
    ----------
    moments : of the particles to test on.
    weights : (A, F, T).

    Returns
    -------
    (A, T) float64.
    """
    covariance, spread, variance = _forecast_moments(moments, weights)
    return variance - 2 * covariance + spread


def pearson_from_moments(moments: RidgeMoments, weights: FloatArray) -> FloatArray:
    """Pearson correlation of w x with y over some particles: weights (A, F, T) -> (A, T)."""
    covariance, spread, variance = _forecast_moments(moments, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariance / np.sqrt(spread * variance))


def _forecast_moments(
    moments: RidgeMoments, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariance of w x with y (A, T), variance of w x (A, T), and variance of y (T,)."""
    xx, xy, yy = moments.centred()
    covariance: FloatArray = np.einsum("aft,ft->at", weights, xy)
    spread: FloatArray = np.einsum("aft,aft->at", weights, xx @ weights)
    return covariance, spread, yy


def choose_penalty(
    folds: Sequence[RidgeMoments], penalties: Sequence[float]
) -> tuple[NDArray[np.int64], FloatArray]:
    """Penalty of the least held-out residual variance, for each target.

    Parameters
    ----------
    folds : moments of each fold; whole configurations, so that neighbours never straddle.
    penalties : (A,).

    Returns
    -------
    Index of the best penalty for each target (T,), and the held-out variances (A, T), means
    over folds weighted by their particles.
    """
    total = np.zeros((len(penalties), len(folds[0].y)))
    for held, fold in enumerate(folds):
        rest = reduce(add, (other for k, other in enumerate(folds) if k != held))
        total += fold.count * residual_variance(fold, ridge_path(rest, penalties))
    total /= sum(fold.count for fold in folds)
    return np.argmin(total, axis=0), total


@dataclass(frozen=True)
class Selection:
    """Features in the order in which forward selection took them.

    Parameters
    ----------
    indices : (k,) feature numbers.
    correlation : (k,) multiple correlation R of the first 1, 2, .. features with the target.
    """

    indices: NDArray[np.int64]
    correlation: FloatArray


def forward_selection(
    moments: RidgeMoments, target: int, count: int, least_gain: float = 0.0
) -> Selection:
    r"""Take, one after the other, the feature that raises the multiple correlation most.

    Orthogonal least squares as a pivoted Cholesky factorisation of the correlation matrix:
    with the features taken so far projected out, feature j has the variance :math:`d_j` and
    the covariance :math:`c_j` with the target left, and taking it adds :math:`c_j^2 / d_j` to
    :math:`R^2`. A step costs one column of the factor, O(F k); no particle is visited and
    nothing is refitted. Boattini et al., PRL 127, 088007 (2021), with the scheme of
    J. Chem. Phys. 153, 064902 (2020).

    Parameters
    ----------
    moments : of the training particles.
    target : column of y.
    count : features wanted; fewer are returned when the rest add nothing.
    least_gain : of R by a feature; the first that would bring less ends the selection.
    """
    z = Standardised.of(moments)
    left = np.ones(len(z.used))
    pull = z.covariance[:, target] / np.sqrt(max(z.variance[target], 1e-300))
    factor = np.zeros((len(z.used), min(count, len(z.used))))
    taken: list[int] = []
    explained: list[float] = []
    for k in range(factor.shape[1]):
        # A feature that is a combination of those taken has no variance left to give.
        gain = np.where(left > 1e-9, pull**2 / np.maximum(left, 1e-9), -1.0)
        gain[taken] = -1.0
        best = int(np.argmax(gain))
        before = np.sqrt(sum(explained))
        if gain[best] <= 0 or np.sqrt(before**2 + gain[best]) - before < least_gain:
            break
        column = z.correlation[:, best] - factor[:, :k] @ factor[best, :k]
        factor[:, k] = column / np.sqrt(left[best])
        pull = pull - factor[:, k] * (pull[best] / np.sqrt(left[best]))
        left = left - factor[:, k] ** 2
        taken.append(best)
        explained.append(gain[best])
    return Selection(
        z.used[np.array(taken, dtype=np.int64)],
        np.sqrt(np.minimum(np.cumsum(explained), 1.0)),
    )
