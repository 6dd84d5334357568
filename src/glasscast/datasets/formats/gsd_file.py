"""GSD files of HOOMD-blue and OVITO.

The box is centred on 0; positions are moved to ``[0, L)`` plus whole sides. Image flags are used
if a frame after the first has them (or the only one); a file without is folded. Rows are sorted by
ids where there are any: HOOMD writes in the order of its tags, other programs name particles in a
chunk. Species follow the names of the types (A, B, C or numbers), or their order where names say
nothing. ``dimensions`` is obeyed where the file has it; where not, particles that share one z are
two-dimensional.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.checks import (
    checked_box,
    checked_positions,
    checked_types,
    choose_dimension,
    refuse_tilt,
    sort_by_ids,
    species_of_types,
    whole_numbers,
)
from glasscast.datasets.formats.compression import refuse_compressed
from glasscast.datasets.formats.format import TRAJECTORY_OPTIONS, Format
from glasscast.datasets.frames import Frame, StoredFrame
from glasscast.datasets.images import apply_images
from glasscast.errors import InputError

_IMAGE, _STEP = "particles/image", "configuration/step"
_DIMENSIONS = "configuration/dimensions"
#: Where programs keep the names of particles; the schema of HOOMD has no place for them.
_IDS = (
    *("particles/tag", "particles/id", "log/particles/id", "log/particles/tag"),
    *("log/particles/Particle Identifier", "log/particles/Identifier"),
)
_PLACE = 12  # bytes of a position
_ENTRY = 32  # bytes of an entry of the index, of which every frame but the first has one
_MAGIC = b"\xdf\x65" * 4
_DAMAGE = (RuntimeError, OSError, LookupError, ValueError, TypeError, MemoryError, OverflowError)


def scan_gsd(path: Path, dimension: int | None = None) -> Iterator[StoredFrame]:
    """Go through the frames of a GSD file.

    Parameters
    ----------
    dimension : 2 or 3 to overrule the file.

    Raises
    ------
    InputError : for a tilted box, missing particles, or a damaged file.
    """
    if not path.exists():
        raise InputError(path, "does not exist")
    refuse_compressed(path)
    try:
        with gsd.hoomd.open(str(path), "r") as file:
            count = len(file)
            if count > path.stat().st_size // _ENTRY + 1:
                raise InputError(path, f"is damaged: it claims {count} frames")
            # Writers leave out what equals frame 0, so one later chunk speaks for all frames. A
            # chunk in frame 0 alone does not: HOOMD writes that whatever it does later.
            following = range(1, count) if count > 1 else range(count)
            absolute = any(file.file.chunk_exists(frame=k, name=_IMAGE) for k in following)
            for number in range(count):
                yield StoredFrame(
                    load=partial(_read_frame, path, file, number, absolute, dimension),
                    absolute=absolute,
                    step=_read_step(file, number),
                )
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(path, f"is truncated or no GSD file ({error})")


def _chunk(file: Any, name: str, number: int) -> NDArray[Any] | None:
    """Chunk of a frame; where it is absent that of frame 0, None without any."""
    for frame in dict.fromkeys((number, 0)):
        if file.file.chunk_exists(frame=frame, name=name):
            return np.asarray(file.file.read_chunk(frame=frame, name=name))
    return None


def _read_step(file: Any, number: int) -> int:
    found = _chunk(file, _STEP, number)
    if found is None or found.size == 0:
        return 0
    if found.dtype.kind not in "iu":
        raise ValueError(f"{_STEP} holds no whole number")
    return int(found.ravel()[0])


def _read_frame(path: Path, file: Any, number: int, absolute: bool, dimension: int | None) -> Frame:
    where = f"frame {number}"
    try:
        _refuse_claims(path, file, number)
        frame = file[number]
        told, names = _chunk(file, _DIMENSIONS, number), _read_ids(file, number)
        step = _read_step(file, number)
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    particles = frame.particles
    if particles.N == 0 or particles.position is None:
        raise InputError(path, f"{where} has no particles")
    if frame.configuration.box is None:
        raise InputError(path, f"{where} has no box")
    box = np.asarray(frame.configuration.box, dtype=np.float64)
    refuse_tilt(path, box[3:], np.ones(1))
    stored = checked_positions(path, f"positions of {where}", particles.position)
    for key, array in (("typeid", particles.typeid), ("image", particles.image)):
        if array is not None and len(np.atleast_1d(array)) != len(stored):
            raise InputError(
                path, f"{where}: 'particles/{key}' is not of the {len(stored)} particles"
            )
    wanted = dimension or (None if told is None else int(frame.configuration.dimensions))
    kept = choose_dimension(path, stored, wanted)
    sides = checked_box(path, box[:kept], kept)
    positions = stored[:, :kept] + sides / 2
    if absolute:
        images = np.asarray(particles.image, dtype=np.int64)
        if images.shape != stored.shape:
            raise InputError(path, f"{where}: 'particles/image' has the shape {images.shape}")
        images = images[:, :kept]
        positions = apply_images(positions, images, sides)
    types, species = _species(path, particles)
    ids = None
    if names is not None:
        if names.size != len(positions):
            raise InputError(path, f"{where} has {names.size} ids for {len(positions)} particles")
        order, ids = sort_by_ids(path, where, whole_numbers(path, where, "id", names.ravel()))
        positions, types = positions[order], types[order]
    return Frame(
        positions=positions,
        types=types,
        box=sides,
        absolute=absolute,
        ids=ids,
        species=species,
        step=step,
        corner=-sides / 2,
    )


def _refuse_claims(path: Path, file: Any, number: int) -> None:
    """Refuse more particles than a file of this size can place: memory would be taken for them."""
    claimed, size = _chunk(file, "particles/N", number), path.stat().st_size
    if claimed is not None and claimed.size and int(claimed.ravel()[0]) > size // _PLACE:
        raise InputError(
            path,
            f"is damaged: frame {number} claims {int(claimed.ravel()[0])} particles, the file has "
            f"{size} bytes",
        )


def _read_ids(file: Any, number: int) -> NDArray[Any] | None:
    """Names of the particles in the first chunk that holds them."""
    found = (_chunk(file, name, number) for name in _IDS)
    return next((names for names in found if names is not None), None)


def _species(path: Path, particles: Any) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Species, and their names where these do not tell them."""
    types = checked_types(path, "particles/typeid", particles.typeid, int(particles.N))
    names = [str(name) for name in particles.types or []]
    if int(types.max()) >= len(names):
        raise InputError(path, f"typeid {types.max()} has no name among {names}")
    return species_of_types(path, types, names)


FORMAT = Format(
    name="gsd",
    description="GSD of HOOMD-blue and OVITO",
    suffixes=(".gsd",),
    detect=lambda head: head.suffix == ".gsd" or head.first.startswith(_MAGIC),
    options=TRAJECTORY_OPTIONS,
    frames=scan_gsd,
)
