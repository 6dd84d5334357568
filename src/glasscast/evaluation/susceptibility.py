r"""Dynamic susceptibility: how much the number of mobile particles differs between configurations.

A particle is mobile when its propensity exceeds a threshold. With S the number of mobile particles
of one species in a configuration and N the number of particles of that species,

.. math:: \chi_4(t) = \frac{\langle S^2 \rangle - \langle S \rangle^2}{N},

where the averages are over the configurations of a test set, or over all held-out ones of a
cross-validation. Independent particles of which a share p is mobile give p (1 - p), particles that
move together N times that. The ratio of a forecast's susceptibility to that of the truth is 1 for
a model that knows how much configurations differ. It is small for one that knows only who is fast
within a configuration, and away from the peak for any whose forecasts, being means, are narrower
than the truth: fewer of them reach the threshold.

References
----------
Jung et al., Roadmap on machine learning glassy dynamics, Nat. Rev. Phys. (2025),
arXiv:2311.14752: susceptibilities of models beside the simulated one, on GlassBench. Lačević,
Starr, Schrøder and Glotzer, J. Chem. Phys. 119, 7372 (2003): of trajectories, by their overlap.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.evaluation.correlation import bootstrap_interval, bootstrap_weights
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import species_name
from glasscast.models.forecast import ModelForecast

#: A particle with a larger propensity is mobile, in sigma: beyond the rattling in its cage.
MOBILE = 0.3
#: A variance below this part of the mean square is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class SusceptibilityScore:
    """Susceptibility of one model's forecasts and of the truth; NaN where undefined.

    Parameters
    ----------
    model, target, species, time : as of a :class:`Score`.
    true, predicted : chi_4; NaN for fewer than two configurations, and for forecasts with a hole.
    ratio : predicted / true; NaN also where the truth does not vary, as long before or after the
        particles pass the threshold.
    low, high : bootstrap interval of the ratio over configurations; NaN where too many resamples
        leave it undefined, as with fewer than four configurations.
    n_configurations : the variance is between these.
    threshold : propensity beyond which a particle was counted, in sigma.
    """

    model: str
    target: str
    species: str
    time: float
    true: float
    predicted: float
    ratio: float
    low: float
    high: float
    n_configurations: int
    threshold: float


def four_point_susceptibility(
    counts: ArrayLike, size: float, weights: FloatArray | None = None
) -> FloatArray:
    r"""Variance between samples of the number of mobile (or immobile) particles, per particle.

    The variance is the unbiased one, :math:`\sum_c (S_c - \bar S)^2 / (C - 1)`, so that few
    samples give the value of many on average; GlassBench's values look divided by C = 100.

    Parameters
    ----------
    counts : (C, ...) S of each sample (configuration or trajectory), such as the particles of
        species A whose propensity is past a threshold.
    size : N, particles that could be counted.
    weights : (B, C) how often each sample counts in each of B resamples, rows summing to C; each
        sample once by default.

    Returns
    -------
    (B, ...) float64, B = 1 without weights.

    Raises
    ------
    ShapeError : with fewer than two samples.
    """
    counts = np.asarray(counts, dtype=np.float64)
    samples = len(counts)
    if samples < 2:
        raise ShapeError(f"chi_4 is a variance between samples: needs 2 or more, got {samples}")
    weights = np.ones((1, samples)) if weights is None else weights
    square = np.tensordot(weights, counts**2, axes=1) / samples
    variance = square - (np.tensordot(weights, counts, axes=1) / samples) ** 2
    # Exact zero for equal counts: a ratio to rounding noise would pass for a number.
    variance = np.where(variance <= _ROUNDING * square, 0.0, variance)
    return np.asarray(variance * samples / (samples - 1) / size)


class SusceptibilityEvaluation:
    """Accumulates forecasts of propensity; keeps three numbers a configuration, not particles.

    Parameters
    ----------
    threshold : propensity beyond which a particle is mobile, in sigma. With 0.3, a common choice
        for overlaps too, our ensembles of the Kob-Andersen liquid have the susceptibility that
        GlassBench shows; where cages are wider or narrower than there, choose another.
    resamples, level, seed : of the bootstrap interval, see :class:`Evaluation`.
    """

    def __init__(
        self,
        threshold: float = MOBILE,
        *,
        resamples: int = 2000,
        level: float = 0.95,
        seed: int = 0,
    ) -> None:
        self.threshold, self.resamples, self.level, self.seed = threshold, resamples, level, seed
        #: (model, species, time) -> N, S predicted and S true of each configuration.
        self._counts: dict[tuple[str, int, float], list[tuple[float, float, float]]] = defaultdict(
            list
        )

    def add(self, forecast: ModelForecast, truth: Configuration) -> None:
        """Add one configuration's forecast, at the times that were also measured.

        Forecasts of other targets, or of pairs alone, have no length to compare with the threshold
        and are passed over.
        """
        if forecast.target != "propensity" or truth.propensity is None:
            return
        if not forecast.predicts_particles:
            return
        for species in truth.species:
            chosen = truth.types == species
            for row, true_row in forecast.shared_rows(truth):
                key = (forecast.model, species, float(forecast.times[row]))
                predicted, true = forecast.values[row, chosen], truth.propensity[true_row, chosen]
                self._counts[key].append(
                    (float(chosen.sum()), self._mobile(predicted), self._mobile(true))
                )

    def _mobile(self, values: ArrayLike) -> float:
        """Count mobile particles; NaN if any value is: a hole must not pass for immobile."""
        values = np.asarray(values)
        return float(np.sum(values > self.threshold)) if np.isfinite(values).all() else np.nan

    def scores(self) -> list[SusceptibilityScore]:
        """Scores of all that was added: models in the order they were added, species, times."""
        order = {model: k for k, model in enumerate(dict.fromkeys(m for m, *_ in self._counts))}
        drawn = {
            number: bootstrap_weights(number, self.resamples, self.seed)
            for number in {len(found) for found in self._counts.values()}
        }
        return [
            self._score(key, np.array(self._counts[key]), drawn[len(self._counts[key])])
            for key in sorted(self._counts, key=lambda key: (order[key[0]], *key[1:]))
        ]

    def _score(
        self, key: tuple[str, int, float], counts: FloatArray, weights: FloatArray
    ) -> SusceptibilityScore:
        model, species, time = key
        predicted = true = ratio = low = high = np.nan
        if len(counts) > 1:
            sizes, mobile = counts[:, :1], counts[:, 1:]
            size = float(sizes.mean())
            scaled = mobile * (size / sizes)  # of boxes that differ in size, the same share
            predicted, true = (float(v) for v in four_point_susceptibility(scaled, size)[0])
            ratio = predicted / true if true > 0 else np.nan
            low, high = self._interval(
                four_point_susceptibility(scaled, size, weights), len(counts)
            )
        return SusceptibilityScore(
            model=model,
            target="propensity",
            species=species_name(species),
            time=time,
            true=true,
            predicted=predicted,
            ratio=ratio,
            low=low,
            high=high,
            n_configurations=len(counts),
            threshold=self.threshold,
        )

    def _interval(self, resampled: FloatArray, configurations: int) -> tuple[float, float]:
        """Percentile interval of the ratio of (B, 2) susceptibilities, predicted and true."""
        predicted, true = resampled[np.isfinite(resampled).all(axis=1) & (resampled[:, 1] > 0)].T
        if len(true) < self.level * len(resampled):
            return np.nan, np.nan
        low, high = bootstrap_interval(predicted / true, configurations, self.level)
        return float(low), float(high)
