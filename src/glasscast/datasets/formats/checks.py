"""The door: every array from outside is checked here, once, before it becomes an Ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.common_motion import refuse_common_motion
from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.datasets.images import find_lost_images, refuse_ambiguous_images
from glasscast.errors import InputError
from glasscast.inputs import reading
from glasscast.liquid.box import FloatArray

#: Unwrapped coordinates drift; a hundred box sides is no drift any more.
FARTHEST = 100.0
_MOST_SPECIES = 128
#: In box sides: a tilt that conversions leave, far below the digits of a coordinate.
_ROUNDING = 1e-6
_FLAT = 1e-6  # of the extent along x or y
_LARGEST = 2**53  # beyond it doubles do not tell integers apart


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
    if highest - first >= _MOST_SPECIES:
        raise InputError(
            path, f"'{key}' runs up to {highest}; at most {_MOST_SPECIES} species are read"
        )
    if lowest < first:
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


def choose_dimension(path: Path, positions: FloatArray, dimension: int | None) -> int:
    """Dimension of three-column positions.

    Flat systems are stored with a z that all particles share but for rounding. Two or more
    particles of a three-dimensional liquid never do.

    Parameters
    ----------
    positions : (N, 3).
    dimension : 2 or 3 to decide by hand, None to look.

    Raises
    ------
    InputError : if ``dimension`` is 2 and the particles have different z.
    """
    flat = bool(np.ptp(positions[:, 2]) <= _FLAT * np.ptp(positions[:, :2], axis=0).max())
    if dimension == 2 and not flat:
        raise InputError(path, "has particles at different z, so it is not two-dimensional")
    if dimension is not None:
        return dimension
    return 2 if flat and len(positions) > 1 else 3


def species_from_names(path: Path, names: NDArray[Any]) -> NDArray[np.int8]:
    """Species from 0 out of names: letters A, B, C, ... or numbers.

    Numbers count from 1, as in LAMMPS, unless a 0 occurs.

    Raises
    ------
    InputError : for any other name: which species is A cannot be guessed.
    """
    known, where = np.unique(names, return_inverse=True)
    if all(name.isascii() and name.isdecimal() for name in known):
        numbers = np.array([int(name) for name in known])
        numbers = numbers if numbers.min() == 0 else numbers - 1
    elif all(len(name) == 1 and "A" <= name <= "Z" for name in known):
        numbers = np.array([ord(name) - ord("A") for name in known])
    else:
        raise InputError(
            path,
            f"has species {', '.join(map(repr, known.tolist()))}",
            "name them A, B, C in the order of the model, or by numbers",
        )
    if numbers.max() >= _MOST_SPECIES:
        raise InputError(
            path,
            f"has the species number {numbers.max()}; at most {_MOST_SPECIES} species are read",
        )
    return numbers[where.reshape(-1)].astype(np.int8)


def species_of_types(
    path: Path, types: NDArray[np.int8], names: Sequence[str]
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Species of types that a file names, and the names where these do not tell the species.

    Letters and numbers tell them, whatever their order; other names leave the order of the file.

    Parameters
    ----------
    types : from 0, into ``names``.
    """
    try:
        # All names at once: numbers count from 1 or 0 whichever of them occur in a frame.
        species = species_from_names(path, np.array(names))
    except InputError:
        return types, tuple(names)
    return species[types], ()


def whole_numbers(path: Path, where: str, key: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Values as integers.

    Parameters
    ----------
    where : the frame, for messages.
    key : what the file calls them.

    Raises
    ------
    InputError : unless they are whole numbers that a double tells apart.
    """
    if not np.array_equal(values, np.round(values)) or np.abs(values).max(initial=0) > _LARGEST:
        raise InputError(path, f"{where}: '{key}' must hold integers")
    return values.astype(np.int64)


def refuse_tilt(path: Path, tilt: NDArray[Any], sides: FloatArray) -> None:
    """Refuse a box that is tilted by more than rounding.

    Raises
    ------
    InputError : naming the tilt.
    """
    if np.any(np.abs(tilt) > _ROUNDING * np.abs(sides).max()):
        raise InputError(
            path,
            f"has a triclinic box, tilted by {np.abs(tilt).max():.3g}",
            "only orthorhombic boxes are read; map it to one",
        )


def sort_by_ids(
    path: Path, where: str, numbers: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Order of the rows by id, and the ids in that order.

    Parameters
    ----------
    where : the frame, for messages.
    numbers : (N,) as the file has them.

    Raises
    ------
    InputError : unless they are whole numbers, each once.
    """
    found = whole_numbers(path, where, "id", numbers)
    order = np.argsort(found, kind="stable")
    ids = found[order]
    same = np.flatnonzero(np.diff(ids) == 0)
    if len(same):
        raise InputError(path, f"{where}: two particles have the same 'id' {ids[same[0]]}")
    return order, ids


def refuse_other_particles(path: Path, frame: Frame, parent: Frame) -> None:
    """Refuse a frame of other particles than the parent's, where both have ids.

    Raises
    ------
    InputError : naming an id that only one of them has.
    """
    if frame.ids is None or parent.ids is None or np.array_equal(frame.ids, parent.ids):
        return
    new, lost = np.setdiff1d(frame.ids, parent.ids), np.setdiff1d(parent.ids, frame.ids)
    seen = [f"{ids[0]} {what}" for ids, what in ((new, "is new"), (lost, "is gone")) if len(ids)]
    raise InputError(
        path,
        f"its ids differ from those of the initial configuration: {', '.join(seen)}",
        "particles must neither leave nor be replaced",
    )


def checked_frame(
    path: Path,
    positions: Any,
    types: Any,
    box: Any,
    *,
    first_species: int = 0,
    position_key: str = "initial_positions",
) -> Frame:
    """Check arrays that a file holds of one moment.

    Parameters
    ----------
    first_species : number that the file gives to species A.
    position_key : what the file calls its positions.

    Raises
    ------
    InputError : naming the key.
    """
    checked = checked_positions(path, position_key, positions)
    species = checked_types(path, "types", types, len(checked), first_species)
    if species.min() > 0:
        # Arrays of whole systems: a liquid without its first species is one that counts elsewhere.
        raise InputError(
            path,
            f"'types' must count species from {first_species}, the lowest is "
            f"{species.min() + first_species}",
            "renumber them",
        )
    return Frame(
        positions=checked,
        types=species,
        box=checked_box(path, box, checked.shape[1]),
        absolute=True,
    )


def assemble(
    *,
    name: str,
    sources: Sequence[Path],
    parent: Frame,
    position_key: str = "positions",
    times: Sequence[float] = (),
    frames: Callable[[], Iterator[RunFrame]] | None = None,
    wrapped: bool = False,
    related: bool = False,
    labels: Mapping[str, NDArray[Any]] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Check what a reader found and make an Ensemble whose frames are checked as they stream.

    Parameters
    ----------
    position_key : what the file calls its initial positions.
    frames : their positions may have any dtype.
    related : whether the frames are known to start from the parent.
    Other parameters are those of :class:`~glasscast.datasets.frames.Ensemble`.

    Raises
    ------
    InputError : now for the snapshot; while streaming for frames of another shape, that are not
        finite, stray, lost their images, do not belong to the parent, or when there is none at all.
    """
    path = sources[0]
    refuse_strays(path, position_key, parent.positions, parent.box)

    def stream() -> Iterator[RunFrame]:
        if frames is None:
            return
        guard = refuse_ambiguous_images if wrapped else find_lost_images
        with reading(path):
            followed = guard(_checked_frames(frames(), parent, path), parent.positions, parent.box)
            yield from refuse_common_motion(
                followed, parent.positions, parent.box, wrapped, related
            )

    return Ensemble(
        name=name,
        sources=tuple(sources),
        parent=parent,
        times=checked_times(path, times),
        frames=stream,
        wrapped=wrapped,
        labels=dict(labels or {}),
        metadata=dict(metadata or {}),
    )


def _checked_frames(frames: Iterator[RunFrame], parent: Frame, path: Path) -> Iterator[RunFrame]:
    size, dimension = parent.positions.shape
    empty = True
    for frame in frames:
        key = f"positions of trajectory {frame.run}"
        checked = checked_positions(frame.source, key, frame.positions, (size, dimension))
        refuse_strays(frame.source, key, checked, parent.box)
        empty = False
        yield frame._replace(positions=checked)
    if empty:
        raise InputError(path, "holds no trajectory")
