r"""The noise ceiling: the best score that finite sampling of the dynamics leaves possible.

The measured propensity is a mean over R trajectories, so it is the exact propensity plus noise.
Write the means over the even and over the odd trajectories as

.. math:: h_1 = p + e_1, \qquad h_2 = p + e_2,

with :math:`p` the exact propensity and independent errors of zero mean that are uncorrelated
with :math:`p` and have the same mean variance :math:`s^2` over the particles (it may differ from
particle to particle). With :math:`V = \operatorname{Var} p` the two halves correlate as

.. math:: r = \frac{V}{V + s^2}.

The full mean :math:`y = (h_1 + h_2)/2` has the noise :math:`s^2/2`; the share of its variance
that is not noise, its reliability, is

.. math:: \rho = \frac{V}{V + s^2/2} = \frac{2 r}{1 + r} \quad\text{(Spearman-Brown)},

and a predictor that knows :math:`p` exactly scores
:math:`\operatorname{corr}(p, y) = V / \sqrt{V (V + s^2/2)} = \sqrt{\rho}`.
That is the ceiling. It is estimated, so a perfect predictor scatters about it. Where the
reliability :math:`\rho_1` of a single run is known otherwise, that of a mean over R of them is
:math:`R \rho_1 / (1 + (R - 1) \rho_1)`. In the same way
:math:`\langle (h_1 - h_2)^2 \rangle = 2 s^2`, so no predictor's RMSE can be expected below
:math:`\sqrt{s^2/2} = \sqrt{\langle (h_1 - h_2)^2 \rangle}/2`.

References
----------
C. Spearman, Br. J. Psychol. 3, 271 (1910); W. Brown, ibid. 296.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from glasscast.evaluation.correlation import PairMoments
from glasscast.liquid.box import FloatArray


def spearman_brown(r: ArrayLike) -> FloatArray:
    r"""Reliability :math:`\rho = 2r/(1+r)` of a mean whose two halves correlate as ``r``.

    Parameters
    ----------
    r : correlation of the halves, any shape.

    Returns
    -------
    in [0, 1]; 0 where ``r <= 0`` (no signal seen above the noise), NaN where ``r`` is NaN.
    """
    positive = np.maximum(np.asarray(r, dtype=np.float64), 0.0)
    return np.asarray(2 * positive / (1 + positive))


def ceiling_from_correlation(r: ArrayLike) -> FloatArray:
    r"""Score :math:`\sqrt{2r/(1+r)}` of an exact predictor, from the halves' correlation."""
    return np.asarray(np.sqrt(spearman_brown(r)))


def ceiling_of_runs(reliability: float, runs: int) -> float:
    r"""Score of an exact predictor on means over R runs, from the reliability of one of them."""
    return float(np.sqrt(runs * reliability / (1 + (runs - 1) * reliability)))


def ceiling_mean(halves: PairMoments) -> FloatArray:
    """Ceiling of ``pearson_mean``: the mean over configurations of their own ceilings.

    Parameters
    ----------
    halves : moments of the two halves, (C, ...).

    Returns
    -------
    (...)
    """
    return np.asarray(np.mean(ceiling_from_correlation(halves.pearson()), axis=0))


def ceiling_pooled(halves: PairMoments) -> FloatArray:
    """Ceiling of ``pearson_pooled``: from the halves of all configurations pooled: (...)."""
    return ceiling_from_correlation(halves.pearson_pooled()[0])


def error_floor(halves: PairMoments) -> FloatArray:
    r"""RMSE of an exact predictor, :math:`\sqrt{\langle (h_1 - h_2)^2 \rangle}/2`: (...)."""
    return np.asarray(halves.rmse()[0] / 2)


def noise_ceiling(halves: Sequence[ArrayLike], *, pooled: bool = False) -> float:
    """Noise ceiling of some configurations at one time.

    Parameters
    ----------
    halves : one (2, N_c) array a configuration, means over the even and the odd trajectories.
    pooled : for ``pearson_pooled`` instead of ``pearson_mean``.

    Returns
    -------
    float in [0, 1]; NaN if the values of a half are constant.
    """
    moments = PairMoments.join([PairMoments.of(*np.asarray(pair)) for pair in halves])
    return float(ceiling_pooled(moments) if pooled else ceiling_mean(moments))
