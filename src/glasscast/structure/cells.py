"""Voronoi cells of configurations: remembered, and of many of them found side by side.

The library that makes cells works on one core and lets no other Python code run meanwhile, so
threads do not help: where many configurations are to be described, worker processes find the
cells. Only positions go to a worker and one number a particle comes back; it imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeAlias

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray
from glasscast.liquid.definition import diameters
from glasscast.runtime import Workspace
from glasscast.structure.descriptors.voronoi import voronoi_cells

#: What a result is remembered by; and positions, box and radii.
_Job: TypeAlias = tuple[Hashable, tuple[FloatArray, FloatArray, FloatArray | None]]

#: Configurations a worker in a chunk; two chunks are in memory, one worked on and one being read.
_AHEAD = 4
#: Particles from which starting workers, about a second of work each, pays.
_WORTH = 2**15
#: Seconds that idle workers stay, for the chunk after this one.
_LINGER = 60


def cell_surfaces(
    configuration: Configuration, structure: str, liquid: str | None, workspace: Workspace
) -> FloatArray:
    """Surface (perimeter in 2D) of every particle's cell: (N,) float64, in sigma^(d-1).

    Parameters
    ----------
    structure : ``positions``, ``inherent`` or ``cage``.
    liquid : whose diameters radical cells mind, a built-in name or a file; ordinary cells if None.
    workspace : remembers the result.

    Raises
    ------
    ShapeError : if the configuration lacks the structure.
    SettingsError, InputError : if there is no such liquid, or it lacks a species.
    MissingExtraError : if the library for Voronoi cells is not installed.
    """
    key, arguments = _job(configuration, structure, liquid)
    return workspace.remember(key, lambda: _surfaces(*arguments))


def find_cells(
    configurations: Iterable[Configuration],
    structure: str,
    liquid_of: Callable[[Configuration], str | None],
    workspace: Workspace,
    workers: int,
) -> None:
    """Let the workspace remember the cells of many configurations, found by worker processes.

    :func:`cell_surfaces` gives the same bits without; so few particles as are faster described
    in this process are left to it. Configurations are read while the workers are busy with the
    ones before, and none is kept.

    Parameters
    ----------
    structure, workspace : as in :func:`cell_surfaces`, whose errors are these.
    liquid_of : what it takes as ``liquid``, for each configuration.
    workers : processes; fewer than two do nothing.
    """
    if workers < 2:
        return
    jobs = (_job(c, structure, liquid_of(c)) for c in configurations)
    keys: list[Hashable] = []
    found: Iterator[FloatArray] = iter(())
    for chunk in _chunks((job for job in jobs if job[0] not in workspace), workers):
        _remember(workspace, keys, found)
        keys, found = [key for key, _ in chunk], _side_by_side(chunk, workers)
    _remember(workspace, keys, found)


def _job(configuration: Configuration, structure: str, liquid: str | None) -> _Job:
    radii = None if liquid is None else diameters(configuration.types, liquid) / 2
    key = (configuration.fingerprint(structure), "cells", liquid)
    return key, (configuration.structure(structure), configuration.box, radii)


def _surfaces(positions: FloatArray, box: FloatArray, radii: FloatArray | None) -> FloatArray:
    return voronoi_cells(positions, box, radii).surface


def _chunks(jobs: Iterator[_Job], workers: int) -> Iterator[list[_Job]]:
    """Chunks that are worth it; nothing when all jobs together are not."""
    chunk: list[_Job] = []
    particles, started = 0, False
    for job in jobs:
        chunk.append(job)
        particles += len(job[1][0])
        if len(chunk) >= _AHEAD * workers and particles >= _WORTH:
            yield chunk
            chunk, particles, started = [], 0, True
    if chunk and (started or particles >= _WORTH):
        yield chunk


def _side_by_side(chunk: list[_Job], workers: int) -> Iterator[FloatArray]:
    """Start the work and return what will yield its results, in order."""
    # Workers of joblib, unlike those of the standard library, do not run the caller's script
    # again, so a plain script without a guard can fit a model.
    from joblib import Parallel, delayed

    pool = Parallel(
        n_jobs=workers,
        return_as="generator",
        pre_dispatch="all",
        batch_size=1,
        max_nbytes=None,  # arrays travel in the message, no file is written
        idle_worker_timeout=_LINGER,
    )
    return iter(pool(delayed(_surfaces)(*arguments) for _, arguments in chunk))


def _remember(workspace: Workspace, keys: list[Hashable], found: Iterator[FloatArray]) -> None:
    for key, surfaces in zip(keys, found, strict=True):
        workspace.keep(key, surfaces)
