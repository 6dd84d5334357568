"""What an engine is: the state of R replicas, statistical ensembles as numbers, a few operations.

The protocols (equilibration, isoconfigurational ensembles, equilibrium positions, copies) ask an
engine for nothing else. :mod:`glasscast.simulation.registry` knows the engines by name.

R replicas are copies of one system, the same liquid and species in each, that move side by side.
Lengths, times and energies are in reduced Lennard-Jones units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glasscast.config import Settings
from glasscast.errors import SettingsError, ShapeError, SimulationError
from glasscast.liquid.box import FloatArray, check_cutoff, wrap
from glasscast.liquid.interactions import Liquid, check_temperature

IntArray = NDArray[np.integer[Any]]


class EngineSettings(Settings):
    """Base of the settings of every engine.

    Parameters
    ----------
    name : of the engine, as :mod:`glasscast.simulation.registry` knows it.
    """

    name: str


@dataclass(frozen=True, eq=False)
class State:
    """R replicas of N particles at one moment, enough to go on from.

    Parameters
    ----------
    positions : (R, N, d) from the lower corner of the box, continuous from where the particles
        were placed.
    velocities : (R, N, d).
    box : (R, d) sides.
    """

    positions: FloatArray
    velocities: FloatArray
    box: FloatArray


@dataclass(frozen=True, eq=False)
class Reading:
    """R replicas at one step of a run.

    Parameters
    ----------
    step : time steps since the run began.
    positions : (R, N, d) as in :class:`State`.
    energy, potential_energy : (R,) per particle, kinetic part included and not.
    temperature, pressure : (R,) instantaneous.
    """

    step: int
    positions: FloatArray
    energy: FloatArray
    potential_energy: FloatArray
    temperature: FloatArray
    pressure: FloatArray

    def __post_init__(self) -> None:
        if not np.isfinite(self.energy).all():
            energy = self.energy[~np.isfinite(self.energy)][0]
            raise SimulationError(
                f"the energy became {energy} after {self.step} steps: particles overlap at the "
                "start or the time step is too long"
            )


@dataclass(frozen=True)
class NVE:
    """Newton's equations; production runs are always these."""


@dataclass(frozen=True)
class NVT:
    """Thermostat, from one temperature to another; the box may shrink meanwhile.

    Parameters
    ----------
    start, stop : temperatures at the beginning and the end.
    damping : time constant of the thermostat.
    sides : final box sides, reached linearly in time, particles following affinely; None keeps it.
    """

    start: float
    stop: float
    damping: float
    sides: tuple[float, ...] | None = None


@dataclass(frozen=True)
class NPT:
    """Thermostat as in :class:`NVT`, and isotropic barostat.

    Parameters
    ----------
    pressure, pressure_damping : wanted, and time constant of the barostat.
    """

    start: float
    stop: float
    damping: float
    pressure: float
    pressure_damping: float


Ensemble = NVE | NVT | NPT


@dataclass(frozen=True)
class Confined:
    """The liquid at a temperature, no particle farther than a radius from where it was placed.

    Parameters
    ----------
    temperature, radius : of the liquid; of the sphere around each place.
    burn_in : cycles, one trial move a particle each, before anything is averaged.
    stride : cycles between the samples of an average.
    step, acceptance : first size of a trial move, and the share of accepted ones that it is tuned
        to during the burn-in.
    seed : seed sequence; equal seeds give equal results.
    """

    temperature: float
    radius: float
    burn_in: int
    stride: int
    step: float
    acceptance: float
    seed: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Mean:
    """Average over a block of samples of a confined liquid.

    Parameters
    ----------
    displacement : (R, N, d) from where the particles were placed, centre of mass at rest.
    acceptance : (R,) share of accepted moves.
    step : (R,) size of a trial move.
    """

    displacement: FloatArray
    acceptance: FloatArray
    step: FloatArray


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do.

    Parameters
    ----------
    ensembles : classes of the statistical ensembles that it integrates in.
    minimises, samples : whether it can minimise the energy, and sample a confined liquid.
    dimensions : of the liquids.
    replicas : most that it takes at once; None for any number.
    """

    ensembles: frozenset[type[Ensemble]] = frozenset()
    minimises: bool = False
    samples: bool = False
    dimensions: tuple[int, ...] = (2, 3)
    replicas: int | None = 1


class System(Protocol):
    """A liquid, its species and a box in one engine. It keeps its particles between calls."""

    @property
    def work(self) -> int:
        """Particle-steps integrated so far, over all replicas."""

    def place(self, positions: FloatArray, velocities: FloatArray | None = None) -> None:
        """Put R replicas at given places in the first box, with given velocities, at step 0.

        Parameters
        ----------
        positions, velocities : (R, N, d); positions are wrapped, velocities 0 if absent.
        """

    def state(self) -> State:
        """Tell where the replicas are now."""

    def integrate(self, ensemble: Ensemble, steps: Sequence[int]) -> Iterator[Reading]:
        """Run on from where the particles are, yielding a reading at each of some step numbers.

        The iterator is to be used up before anything else is asked of the system.

        Parameters
        ----------
        steps : increasing, counted from now; 0 first is allowed.

        Raises
        ------
        SimulationError : if the run breaks down, as after an overlap.
        SettingsError : for an ensemble that is not among the capabilities.
        """

    def minimise(self, force_tolerance: float, iterations: int) -> None:
        """Minimise the energy until the largest force on a particle is below a tolerance."""

    def sample(self, confined: Confined, blocks: Sequence[int]) -> Iterator[Mean]:
        """Sample the confined liquid around where the particles are; yield the mean of each block.

        Parameters
        ----------
        blocks : samples in each; those of the burn-in come before the first.
        """


class Engine(Protocol):
    """A small value that can be pickled, made from its settings: ``Kind(settings)``."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def time_step(self, liquid: Liquid) -> float:
        """Return the time step of the integrator for a liquid."""

    def identity(self, liquid: Liquid) -> Mapping[str, Any]:
        """Tell what of the engine decides the last digits of a result, as JSON values.

        ``time_step`` is among it for engines that integrate, and counts only where they do.
        """

    def check(self, liquid: Liquid) -> None:
        """Refuse before any work what would fail in :meth:`open`.

        Raises
        ------
        MissingExtraError : if software is absent; says what to install.
        SettingsError : if it has no way to compute the liquid.
        """

    def open(
        self, liquid: Liquid, types: IntArray, box: FloatArray
    ) -> AbstractContextManager[System]:
        """Prepare a system, to be closed in the end.

        Parameters
        ----------
        types : (N,) species from 0.
        box : (d,) sides of the first box.

        Raises
        ------
        ShapeError : as :func:`checked_system` does.
        """

    def input_files(
        self, liquid: Liquid, steps: Sequence[int], start: tuple[IntArray, State] | None = None
    ) -> Mapping[str, str]:
        """Files for a rerun of a production run by hand, by name; empty if there is no such way.

        Parameters
        ----------
        steps : at which the run is looked at.
        start : species and state of one replica, to be written as well.
        """


def checked_system(
    liquid: Liquid, types: IntArray, box: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """Species and sides of a system, once they suit the liquid.

    Raises
    ------
    ShapeError : for unknown species, another dimension, or a box smaller than twice the cutoff.
    """
    species = np.asarray(types).astype(np.int64)
    sides = np.asarray(box, dtype=np.float64)
    liquid.check_types(species)
    if len(sides) != liquid.dimension:
        raise ShapeError(f"{liquid.name} has {liquid.dimension} dimensions, the box {len(sides)}")
    check_cutoff(liquid.longest_cutoff, sides)
    return species, sides


def checked_start(
    positions: FloatArray,
    velocities: FloatArray | None,
    size: int,
    box: FloatArray,
    replicas: int | None,
) -> tuple[FloatArray, FloatArray]:
    """Positions and velocities of replicas, once they suit a system; positions wrapped.

    Parameters
    ----------
    size, box, replicas : particles, first box and capability of the system.

    Raises
    ------
    ShapeError : for other shapes than (R, N, d), or more replicas than the engine takes.
    """
    inside = np.asarray(positions, dtype=np.float64)
    moving = np.zeros_like(inside) if velocities is None else np.asarray(velocities, np.float64)
    for name, array in (("positions", inside), ("velocities", moving)):
        if array.shape != (len(inside), size, len(box)):
            raise ShapeError(
                f"'{name}' must have shape (replicas, {size}, {len(box)}), got {array.shape}"
            )
    if replicas is not None and len(inside) > replicas:
        raise ShapeError(f"{len(inside)} replicas are too many: the engine takes {replicas} a time")
    return wrap(inside, box), moving


def require(
    engine: Engine,
    liquid: Liquid,
    *ensembles: type[Ensemble],
    minimises: bool = False,
    samples: bool = False,
) -> None:
    """Refuse an engine that cannot do what is asked of it with a liquid.

    Parameters
    ----------
    ensembles, minimises, samples : what will be needed.

    Raises
    ------
    SettingsError : naming what it cannot do.
    MissingExtraError : as :meth:`Engine.check` does.
    """
    able = engine.capabilities
    lacking = [f"integrate in {e.__name__}" for e in ensembles if e not in able.ensembles]
    if minimises and not able.minimises:
        lacking.append("minimise the energy")
    if samples and not able.samples:
        lacking.append("sample a confined liquid")
    if liquid.dimension not in able.dimensions:
        lacking.append(f"simulate in {liquid.dimension} dimensions")
    if lacking:
        raise SettingsError(f"the engine '{engine.name}' cannot {lacking[0]}", "engine")
    engine.check(liquid)


def maxwell_boltzmann(
    temperature: float, masses: FloatArray, dimension: int, rng: np.random.Generator
) -> FloatArray:
    r"""Draw velocities with zero total momentum.

    Each component is normal with variance :math:`T/m_i`; the velocity of the centre of mass is
    then taken away, so that :math:`\sum m v^2 / (dN - d)` is T on average.

    Parameters
    ----------
    masses : (N,) of the particles.

    Returns
    -------
    (N, d) float64.

    Raises
    ------
    SettingsError : if the temperature is not positive and finite.
    """
    check_temperature(temperature)
    velocities = rng.normal(size=(len(masses), dimension)) * np.sqrt(temperature / masses)[:, None]
    velocities -= masses @ velocities / masses.sum()
    return np.asarray(velocities)


def steps_of(times: Sequence[float], step: float) -> list[int]:
    """Whole numbers of steps nearest to some times.

    Raises
    ------
    SettingsError : if two times fall on the same step or the first on none.
    """
    steps = [round(t / step) for t in times]
    if any(b <= a for a, b in zip([0, *steps], steps, strict=False)):
        raise SettingsError(f"times {list(times)} are not told apart by a time step of {step:g}")
    return steps
