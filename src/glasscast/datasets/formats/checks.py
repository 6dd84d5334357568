"""The door: every array from outside is checked here, once, before it becomes an Ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.ensemble import Ensemble, Frame
from glasscast.datasets.images import (
    SourcedFrame,
    find_lost_images,
    refuse_ambiguous_images,
)
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Unwrapped coordinates drift; a hundred box sides is no drift any more.
FARTHEST = 100.0
_MOST_SPECIES = 127


def checked_positions(
    path: Path, key: str, value: Any, shape: tuple[int, int] | None = None
) -> FloatArray:
    """Positions as (N, d) float64.

    Parameters
    ----------
    path, key : named in messages.
    value : what the file holds.
    shape : (N, d) that it must have; by default any N > 0 and d = 2 or 3.

    Raises
    ------
    InputError : for another shape, values that are no numbers, or are not finite.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise InputError(path, f"'{key}' must hold numbers, got dtype {array.dtype}")
    if shape is None:
        if array.ndim != 2 or array.shape[1] not in (2, 3) or len(array) == 0:
            raise InputError(path, f"'{key}' must have shape (N, 2 or 3), got {array.shape}")
    elif array.shape != shape:
        raise InputError(
            path,
            f"'{key}' must have shape {shape} like the initial positions, got {array.shape}",
            "check that all belong to the same configuration",
        )
    if not np.isfinite(array).all():
        particle = int(np.argwhere(~np.isfinite(array))[0][0])
        raise InputError(
            path, f"'{key}' is not finite for particle {particle}", "the run that made it failed"
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def checked_types(path: Path, key: str, value: Any, size: int, first: int = 0) -> NDArray[np.int8]:
    """Species counted from 0 as (N,) int8.

    Parameters
    ----------
    size : number of particles.
    first : the number that the file gives to species A.

    Raises
    ------
    InputError : for another shape, types that are no integers, or numbers below ``first``.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise InputError(path, f"'{key}' must hold integers, got dtype {array.dtype}")
    if array.shape != (size,):
        raise InputError(path, f"'{key}' must have shape ({size},), got {array.shape}")
    lowest, highest = int(array.min()), int(array.max())
    if lowest < first or highest - first > _MOST_SPECIES:
        raise InputError(
            path, f"'{key}' must count species from {first}, got {lowest} to {highest}"
        )
    return (array.astype(np.int64) - first).astype(np.int8)


def checked_box(path: Path, value: Any, dimension: int) -> FloatArray:
    """Box sides as (d,) float64; a single number means a square or cubic box.

    Raises
    ------
    InputError : unless the box is one or d positive numbers.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.shape not in ((), (1,), (dimension,)):
        raise InputError(
            path, f"'box' must be one or {dimension} numbers, got {array.dtype} {array.shape}"
        )
    if not np.isfinite(array).all() or np.any(array <= 0):
        raise InputError(path, f"'box' sides must be positive, got {array.tolist()}")
    return np.broadcast_to(array.astype(np.float64), (dimension,)).copy()


def refuse_strays(path: Path, key: str, positions: FloatArray, box: FloatArray) -> None:
    """Refuse particles that no box explains.

    Raises
    ------
    InputError : if a particle is more than a hundred box sides from the origin.
    """
    stray = np.any(np.abs(positions) > FARTHEST * box, axis=1)
    if stray.any():
        particle = int(np.argmax(stray))
        raise InputError(
            path,
            f"'{key}': particle {particle} at {positions[particle].tolist()} lies outside any box "
            f"of sides {box.tolist()}",
            "check the units and the box of the file",
        )


def checked_times(path: Path, times: Sequence[float]) -> FloatArray:
    """Return times as (T,) float64 after making sure that they are positive and increase.

    Raises
    ------
    InputError : otherwise.
    """
    array = np.asarray(times, dtype=np.float64)
    if not np.isfinite(array).all() or np.any(array <= 0) or np.any(np.diff(array) <= 0):
        raise InputError(path, f"times must be positive and increase, got {array.tolist()}")
    return array


def assemble(
    *,
    name: str,
    sources: Sequence[Path],
    positions: Any,
    types: Any,
    box: Any,
    first_species: int = 0,
    position_key: str = "initial_positions",
    times: Sequence[float] = (),
    frames: Callable[[], Iterator[SourcedFrame]] | None = None,
    wrapped: bool = False,
    labels: Mapping[str, NDArray[Any]] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Check what a reader found and make an Ensemble whose frames are checked as they stream.

    Parameters
    ----------
    first_species : number that the file gives to species A.
    position_key : what the file calls its initial positions.
    frames : yields (row, run, positions, file); positions may have any dtype.
    Other parameters are those of :class:`~glasscast.datasets.ensemble.Ensemble`.

    Raises
    ------
    InputError : now for the snapshot; while streaming for frames of another shape, that are not
        finite, stray, lost their images, or when there is none at all.
    """
    path = sources[0]
    start = checked_positions(path, position_key, positions)
    size, dimension = start.shape
    sides = checked_box(path, box, dimension)
    refuse_strays(path, position_key, start, sides)

    def stream() -> Iterator[Frame]:
        if frames is None:
            return iter(())
        guard = refuse_ambiguous_images if wrapped else find_lost_images
        return guard(_checked_frames(frames(), start, sides, path), start, sides)

    return Ensemble(
        name=name,
        sources=tuple(sources),
        positions=start,
        types=checked_types(path, "types", types, size, first_species),
        box=sides,
        times=checked_times(path, times),
        frames=stream,
        wrapped=wrapped,
        labels=dict(labels or {}),
        metadata=dict(metadata or {}),
    )


def _checked_frames(
    frames: Iterator[SourcedFrame], start: FloatArray, box: FloatArray, parent: Path
) -> Iterator[SourcedFrame]:
    size, dimension = start.shape
    empty = True
    for row, run, frame, path in frames:
        checked = checked_positions(
            path, f"positions of trajectory {run}", frame, (size, dimension)
        )
        refuse_strays(path, f"positions of trajectory {run}", checked, box)
        empty = False
        yield row, run, checked, path
    if empty:
        raise InputError(parent, "holds no trajectory")
