"""How a liquid relaxes: means over samples, and the relaxation time tau_alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import curve_fit

from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.correlations import crossing_time


def standard_error(samples: FloatArray) -> FloatArray:
    """Error of the mean of independent samples (C, ...): (...); 0 for a single one."""
    samples = np.asarray(samples, dtype=np.float64)
    if len(samples) < 2:
        return np.zeros(samples.shape[1:])
    return np.asarray(samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


@dataclass(frozen=True)
class MeanCurve:
    """A function, mean over configurations, with its standard error.

    Parameters
    ----------
    x, mean, error : (n,), x a time, distance or wavenumber.
    """

    x: FloatArray
    mean: FloatArray
    error: FloatArray

    @classmethod
    def of(cls, x: ArrayLike, samples: ArrayLike) -> MeanCurve:
        """Mean and standard error of (C, n) samples."""
        values = np.array(samples, dtype=np.float64)
        return cls(np.array(x, dtype=np.float64), values.mean(axis=0), standard_error(values))


@dataclass(frozen=True)
class Relaxation:
    r"""Fit of a scattering function by two stretched exponentials.

    .. math:: F_s(t) = (1 - f)\, e^{-(t/\tau_s)^{\gamma}} + f\, e^{-(t/\tau_\alpha)^{\beta}}

    Parameters
    ----------
    tau_alpha, beta : slow part; tau_alpha is the relaxation time of Shiba et al. (2023).
    plateau : f, the height of the plateau.
    tau_short, gamma : fast part.
    crossing : where F_s = 1/e, by interpolation in log t; NaN if it is not reached.
    residual : root of the mean squared deviation of the fit.
    """

    tau_alpha: float
    beta: float
    plateau: float
    tau_short: float
    gamma: float
    crossing: float
    residual: float


def fit_relaxation(times: FloatArray, scattering: FloatArray) -> Relaxation:
    """Fit tau_alpha as the BOTAN paper does, by a double stretched exponential.

    Parameters
    ----------
    times : (T,) positive, at least 6, from the ballistic regime past the decay.
    scattering : (T,) F_s(k, t).

    Raises
    ------
    ShapeError : with fewer than 6 times, or if F_s never falls below 0.6: there is nothing to fit.
    """
    times, scattering = np.asarray(times, float), np.asarray(scattering, float)
    if times.shape != scattering.shape or len(times) < 6:
        raise ShapeError(f"a fit of 5 parameters needs 6 times or more, got {len(times)}")
    if scattering.min() > 0.6:
        raise ShapeError(f"F_s falls only to {scattering.min():.2f}: go to longer times")
    crossing = crossing_time(times, scattering)
    guess = crossing if np.isfinite(crossing) else times[-1]

    def model(
        t: FloatArray, f: float, tau: float, beta: float, short: float, gamma: float
    ) -> FloatArray:
        fast = np.exp(-((t / np.exp(short)) ** gamma))
        return np.asarray((1 - f) * fast + f * np.exp(-((t / np.exp(tau)) ** beta)))

    bounds = (
        [0.05, np.log(guess / 30), 0.2, np.log(1e-3), 0.5],
        [1.0, np.log(guess * 30), 1.5, np.log(5.0), 2.5],
    )
    start = [0.75, np.log(guess), 0.8, np.log(0.2), 1.5]
    found, _ = curve_fit(model, times, scattering, start, bounds=bounds, maxfev=20000)
    residual = np.sqrt(np.mean((model(times, *found) - scattering) ** 2))
    f, tau, beta, short, gamma = (float(v) for v in found)
    return Relaxation(
        tau_alpha=float(np.exp(tau)),
        beta=beta,
        plateau=f,
        tau_short=float(np.exp(short)),
        gamma=gamma,
        crossing=crossing,
        residual=float(residual),
    )
