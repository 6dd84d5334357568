"""How a liquid relaxes and how it is built: means over samples, tau_alpha, g(r), S(k)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from glasscast.errors import ShapeError
from glasscast.liquid.neighbours import find_neighbours

FloatArray = NDArray[np.float64]


def standard_error(samples: FloatArray) -> FloatArray:
    """Error of the mean of independent samples (C, ...): (...); 0 for a single one."""
    samples = np.asarray(samples, dtype=np.float64)
    if len(samples) < 2:
        return np.zeros(samples.shape[1:])
    return np.asarray(samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


@dataclass(frozen=True)
class MeanCurve:
    """A function of time, mean over configurations, with its standard error.

    Parameters
    ----------
    times, mean, error : (T,).
    """

    times: FloatArray
    mean: FloatArray
    error: FloatArray

    @classmethod
    def of(cls, times: Sequence[float], samples: Sequence[Sequence[float]]) -> MeanCurve:
        """Mean and standard error of (C, T) samples."""
        values = np.array(samples, dtype=np.float64)
        return cls(np.array(times, dtype=np.float64), values.mean(axis=0), standard_error(values))


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


def crossing_time(times: FloatArray, values: FloatArray, level: float = np.exp(-1)) -> float:
    """First time where a decaying function falls to a level, linear in log t; NaN if never."""
    below = np.flatnonzero(np.asarray(values) <= level)
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    k = int(below[0])
    share = (values[k - 1] - level) / (values[k - 1] - values[k])
    return float(np.exp(np.log(times[k - 1]) + share * np.log(times[k] / times[k - 1])))


def radial_distribution(
    positions: FloatArray,
    box: FloatArray,
    longest: float,
    bins: int = 200,
    receivers: NDArray[np.bool_] | None = None,
    senders: NDArray[np.bool_] | None = None,
) -> tuple[FloatArray, FloatArray]:
    r"""Radial distribution function g(r): 1 for an ideal gas.

    .. math:: g_{ab}(r) = \frac{V}{N_a N_b} \frac{n_{ab}(r)}{v_{shell}(r)}

    Parameters
    ----------
    positions : (N, d); box : (d,).
    longest : largest distance; past half the shortest side images of a pair count as well.
    receivers, senders : (N,) masks of species a and b; all particles by default. A particle is
        not its own neighbour.

    Returns
    -------
    Centres of the bins and g, both (bins,).
    """
    everything = np.ones(len(positions), dtype=bool)
    a = everything if receivers is None else receivers
    b = everything if senders is None else senders
    pairs = find_neighbours(positions, box, longest)
    kept = a[pairs.receivers] & b[pairs.senders]
    edges = np.linspace(0, longest, bins + 1)
    counts, _ = np.histogram(pairs.distances[kept], edges)
    ball = np.pi * edges**2 if positions.shape[1] == 2 else 4 / 3 * np.pi * edges**3
    possible = a.sum() * b.sum() - (a & b).sum()
    density = possible / np.prod(box)
    return 0.5 * (edges[1:] + edges[:-1]), counts / (np.diff(ball) * density)


def structure_factor(
    positions: FloatArray, box: FloatArray, largest: float, width: float | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""Compute the static structure factor, averaged over shells of wave vectors.

    .. math:: S(k) = \frac{1}{N} \Big\langle \Big| \sum_j e^{i k \cdot r_j} \Big|^2 \Big\rangle

    Parameters
    ----------
    positions : (N, d); box : (d,).
    largest : largest wavenumber.
    width : of a shell; the smallest wavenumber of the box by default.

    Returns
    -------
    Mean wavenumber of each shell and S; shells without a wave vector are left out.

    Raises
    ------
    ShapeError : if not even one wave vector is that short.
    """
    units = 2 * np.pi / box
    reach = np.floor(largest / units).astype(int)
    axes = [np.arange(0 if k == 0 else -n, n + 1) for k, n in enumerate(reach)]
    vectors = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(box)) * units
    lengths = np.linalg.norm(vectors, axis=1)
    kept = (lengths > 0) & (lengths <= largest)
    vectors, lengths = vectors[kept], lengths[kept]
    if len(vectors) == 0:
        raise ShapeError(f"no wave vector of the box is shorter than {largest:g}")
    values = np.empty(len(vectors))
    for begin in range(0, len(vectors), 256):  # bounded memory: 256 x N phases at a time
        phases = vectors[begin : begin + 256] @ positions.T
        sums = np.cos(phases).sum(axis=1) ** 2 + np.sin(phases).sum(axis=1) ** 2
        values[begin : begin + 256] = sums / len(positions)
    shell = (lengths / (width or float(units.min()))).astype(int)
    number = np.bincount(shell)
    full = number > 0
    k = np.bincount(shell, lengths)[full] / number[full]
    return k, np.bincount(shell, values)[full] / number[full]
