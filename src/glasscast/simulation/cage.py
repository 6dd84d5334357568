r"""Cage state: mean positions while no particle may leave its cage.

Restricted Metropolis Monte Carlo, after the idea of Alkemade, Smallenburg and Filion, J. Chem.
Phys. 158, 134512 (2023); the numbers they used are not public and are settings here. The sampled
distribution is

.. math:: \pi(r) \propto e^{-U(r)/T} \prod_i \Theta(R_{cage} - |r_i - r_i^0|),

where :math:`r^0` is the snapshot. One cycle tries to move each particle once, in fixed order, by a
vector uniform in a cube of half-width delta. A move out of the particle's sphere has weight 0 and
is rejected; any other is accepted with probability :math:`\min(1, e^{-\Delta U/T})`. The proposal
is symmetric, so each single-particle step obeys detailed balance with respect to pi and leaves it
unchanged, and so does their succession in any fixed order. Delta is tuned during burn-in only and
then frozen, since a step that follows the acceptance would break this.

No particle is ever farther than R_cage from its start: pairs that start beyond the cutoff plus
2 R_cage never interact, and the neighbour list of the start is exact for the whole run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import MissingExtraError, ShapeError
from glasscast.liquid.box import check_cutoff, wrap
from glasscast.liquid.interactions import Liquid, check_temperature
from glasscast.simulation.monte_carlo_pairs import kernel_law, neighbour_lists, three_rows
from glasscast.simulation.settings import CageSettings

FloatArray = NDArray[np.float64]
_BLOCKS = 8
_TUNING = 20  # cycles between adjustments of the step


@dataclass(frozen=True)
class CageState:
    """Mean positions in the cages.

    Parameters
    ----------
    positions : (N, d) wrapped.
    displacement : (N, d) mean displacement from the start, centre of mass at rest.
    standard_error : (N,) of the length of the displacement, from blocks of the run.
    acceptance : share of accepted moves while averaging.
    step : frozen half-width of a trial move.
    energy : per particle, of the mean positions.
    """

    positions: FloatArray
    displacement: FloatArray
    standard_error: FloatArray
    acceptance: float
    step: float
    energy: float

    def record(self) -> dict[str, Any]:
        """Tell what is kept of the sampling beside the positions, as JSON values."""
        return {
            "acceptance": self.acceptance,
            "step": self.step,
            "energy": self.energy,
            "standard_error": float(self.standard_error.mean()),
        }


def find_cage(
    liquid: Liquid,
    positions: FloatArray,
    types: NDArray[np.integer[Any]],
    box: FloatArray,
    temperature: float,
    seed: list[int],
    settings: CageSettings | None = None,
) -> CageState:
    """Sample the cage state of a configuration; see the module for the method.

    Parameters
    ----------
    positions : (N, d) thermal snapshot; types : (N,); box : (d,).
    temperature : of the Metropolis rule, that of the simulation.
    seed : seed sequence; equal seeds give equal results.

    Raises
    ------
    MissingExtraError : if numba is absent.
    ShapeError : if the box is smaller than twice the cutoff plus 2 R_cage, or for unknown species.
    SettingsError : for a temperature that is not positive.
    """
    check_temperature(temperature)
    settings = settings or CageSettings()
    liquid.check_types(types)
    check_cage(liquid, box, settings)
    start = wrap(positions, box)
    sampler = _Sampler(liquid, start, types, box, temperature, seed, settings)
    sampler.burn_in(settings)
    samples = max(1, settings.cycles // settings.stride)
    blocks = [len(b) for b in np.array_split(np.arange(samples), min(_BLOCKS, samples))]
    rates, means = [], []
    for length in blocks:
        rates.append(sampler.run(length * settings.stride, settings.stride))
        means.append(sampler.total[: start.shape[1]].T / length)
    displacement = np.average(means, axis=0, weights=blocks)
    spread = np.std(means, axis=0, ddof=1) if len(blocks) > 1 else np.full(start.shape, np.nan)
    cage = wrap(start + displacement, box)
    return CageState(
        positions=cage,
        displacement=displacement,
        standard_error=np.sqrt(np.sum(spread**2, axis=1) / len(blocks)),
        acceptance=float(np.average(rates, weights=blocks)),
        step=float(sampler.step),
        energy=float(liquid.energies(cage, types, box).mean()),
    )


def check_cage(liquid: Liquid, box: FloatArray, settings: CageSettings) -> None:
    """Refuse what the sampling cannot do, before any work.

    Raises
    ------
    MissingExtraError : if numba is absent.
    ShapeError : if the box is smaller than twice the cutoff plus 2 R_cage.
    """
    _kernel()
    reach = 2 * settings.radius * float(liquid.sigma[0, 0])
    try:
        check_cutoff(liquid.longest_cutoff + reach, box)
    except ShapeError as error:
        raise ShapeError(
            f"cage: {error} (here {liquid.longest_cutoff:g} of the potential and twice R_cage)"
        ) from None


class _Sampler:
    """The Markov chain: its state, its arrays in the kernel's layout, its step."""

    def __init__(
        self,
        liquid: Liquid,
        start: FloatArray,
        types: NDArray[np.integer[Any]],
        box: FloatArray,
        temperature: float,
        seed: list[int],
        settings: CageSettings,
    ) -> None:
        self._sweep = _kernel()
        radius = settings.radius * float(liquid.sigma[0, 0])
        offsets, pairs = neighbour_lists(liquid, start, types, box, radius)
        self.size, self.dimension = start.shape
        self.rng = np.random.default_rng(seed)
        self.step, self.radius = settings.step, radius
        self.moved, self.total = np.zeros((3, self.size)), np.zeros((3, self.size))
        self._before = (temperature, three_rows(start.T, 0.0), self.moved)
        self._after = (
            np.asarray(types, dtype=np.int64),
            three_rows(box[:, None], 1.0)[:, 0],
            offsets,
            pairs,
            kernel_law(liquid.law),
            self.total,
        )

    def run(self, cycles: int, stride: int) -> float:
        """Make some cycles, sum displacements anew in ``total``, return the acceptance."""
        self.total[:] = 0.0
        accepted = self._sweep(
            self.rng,
            cycles,
            stride,
            self.dimension,
            self.step,
            self.radius,
            *self._before,
            *self._after,
        )
        return float(int(accepted) / (cycles * self.size))

    def burn_in(self, settings: CageSettings) -> None:
        """Let the chain forget its start, and find the step that gives the wanted acceptance."""
        for _ in range(settings.burn_in // _TUNING):
            rate = self.run(_TUNING, _TUNING)
            change = float(np.clip(rate / settings.acceptance, 0.7, 1.4))
            self.step = min(self.radius, self.step * change)
        if settings.burn_in % _TUNING:
            self.run(settings.burn_in % _TUNING, _TUNING)


def _kernel() -> Any:
    try:
        from glasscast.simulation.monte_carlo_kernel import sweep
    except ImportError as error:
        raise MissingExtraError(
            f"the cage state needs numba ({error}): pip install 'glasscast[md]'"
        ) from None
    return sweep
