r"""Restricted Monte Carlo: the engine that samples a liquid whose particles cannot leave spheres.

The sampled distribution is

.. math:: \pi(r) \propto e^{-U(r)/T} \prod_i \Theta(R - |r_i - r_i^0|),

where :math:`r^0` are the places and R is the radius. One cycle tries to move each particle once,
in fixed order, by a vector uniform in a cube of half-width delta. A move out of the particle's
sphere has weight 0 and is rejected; any other is accepted with probability
:math:`\min(1, e^{-\Delta U/T})`. The proposal is symmetric, so each single-particle step obeys
detailed balance with respect to pi and leaves it unchanged, and so does their succession in any
fixed order. Delta is tuned during burn-in only and then frozen, since a step that follows the
acceptance would break this.

No particle is ever farther than R from its place: pairs that start beyond the cutoff plus 2 R
never interact, and the neighbour list of the start is exact for the whole run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import MissingExtraError, SettingsError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import (
    Capabilities,
    Confined,
    Ensemble,
    IntArray,
    Mean,
    State,
    System,
    checked_start,
    checked_system,
)
from glasscast.simulation.monte_carlo_pairs import kernel_law, neighbour_lists, three_rows

_TUNING = 20  # cycles between adjustments of the step


@dataclass(frozen=True)
class MonteCarlo:
    """Our own sampler; implements :class:`glasscast.simulation.engine.Engine`, without dynamics."""

    name: ClassVar[str] = "monte-carlo"
    capabilities: ClassVar = Capabilities(samples=True, dimensions=(2, 3), replicas=1)

    def time_step(self, liquid: Liquid) -> NoReturn:
        """Refuse: there is no time."""
        raise _without_dynamics()

    def identity(self, liquid: Liquid) -> dict[str, Any]:
        """Nothing beside what is sampled decides the result."""
        return {}

    def check(self, liquid: Liquid) -> None:
        """Look for the compiler of the kernel.

        Raises
        ------
        MissingExtraError : if numba is absent.
        """
        _kernel()

    def open(
        self, liquid: Liquid, types: IntArray, box: FloatArray
    ) -> AbstractContextManager[System]:
        """Prepare a system."""
        self.check(liquid)
        return nullcontext(MonteCarloSystem(liquid, types, box))

    def input_files(
        self, liquid: Liquid, steps: Sequence[int], start: tuple[IntArray, State] | None = None
    ) -> dict[str, str]:
        """There are none."""
        return {}


class MonteCarloSystem:
    """One replica; implements :class:`glasscast.simulation.engine.System`, without dynamics."""

    def __init__(self, liquid: Liquid, types: IntArray, box: FloatArray) -> None:
        self.liquid = liquid
        self.types, self.box = checked_system(liquid, types, box)
        self.work = 0

    def place(self, positions: FloatArray, velocities: FloatArray | None = None) -> None:
        """Put one replica at given places."""
        size = len(self.types)
        inside, moving = checked_start(positions, velocities, size, self.box, replicas=1)
        self._state = State(inside, moving, self.box[None])

    def state(self) -> State:
        """Tell where the replica is now."""
        return self._state

    def integrate(self, ensemble: Ensemble, steps: Sequence[int]) -> NoReturn:
        """Refuse."""
        raise _without_dynamics()

    def minimise(self, force_tolerance: float, iterations: int) -> NoReturn:
        """Refuse."""
        raise _without_dynamics()

    def sample(self, confined: Confined, blocks: Sequence[int]) -> Iterator[Mean]:
        """Sample the confined liquid around where the particles are; yield the mean of each block.

        Raises
        ------
        ShapeError : if the box is smaller than twice the cutoff plus 2 R.
        """
        start = self._state
        chain = _Chain(self.liquid, start.positions[0], self.types, self.box, confined)
        chain.burn_in(confined)
        for length in blocks:
            rate = chain.run(length * confined.stride, confined.stride)
            total, moved = (a[: chain.dimension].T for a in (chain.total, chain.moved))
            self._state = State(start.positions + moved, start.velocities, start.box)
            yield Mean((total / length)[None], np.array([rate]), np.array([chain.step]))


class _Chain:
    """The Markov chain: its state, its arrays in the kernel's layout, its step."""

    def __init__(
        self,
        liquid: Liquid,
        start: FloatArray,
        types: NDArray[np.int64],
        box: FloatArray,
        confined: Confined,
    ) -> None:
        self._sweep, radius = _kernel(), confined.radius
        offsets, pairs = neighbour_lists(liquid, start, types, box, radius)
        self.size, self.dimension = start.shape
        self.rng = np.random.default_rng(confined.seed)
        self.step, self.radius = confined.step, radius
        self.moved, self.total = np.zeros((3, self.size)), np.zeros((3, self.size))
        self._before = (confined.temperature, three_rows(start.T, 0.0), self.moved)
        self._after = (
            types,
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

    def burn_in(self, confined: Confined) -> None:
        """Let the chain forget its start, and find the step that gives the wanted acceptance."""
        for _ in range(confined.burn_in // _TUNING):
            rate = self.run(_TUNING, _TUNING)
            change = float(np.clip(rate / confined.acceptance, 0.7, 1.4))
            self.step = min(self.radius, self.step * change)
        if confined.burn_in % _TUNING:
            self.run(confined.burn_in % _TUNING, _TUNING)


def _without_dynamics() -> SettingsError:
    return SettingsError("Monte Carlo samples only: it has no dynamics and no minimiser", "engine")


def _kernel() -> Any:
    try:
        from glasscast.simulation.monte_carlo_kernel import sweep
    except ImportError as error:
        raise MissingExtraError(
            f"the cage state needs numba ({error}): pip install 'glasscast[md]'"
        ) from None
    return sweep
