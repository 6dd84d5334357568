"""GSD files of HOOMD-blue and OVITO.

The box is centred on 0; positions are moved to ``[0, L)`` plus whole sides. Image flags are used
if a frame after the first has them (or the only one); a file without is folded. Species follow
the names of the types (A, B, C or numbers), or their order where names say nothing. ``dimensions``
2 is obeyed.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    species_from_names,
)
from glasscast.datasets.formats.format import TRAJECTORY_OPTIONS, Format
from glasscast.datasets.frames import Frame
from glasscast.datasets.images import apply_images
from glasscast.errors import InputError

_IMAGE = "particles/image"
_MAGIC = b"\xdf\x65" * 4


def iterate_gsd(path: Path, dimension: int | None = None) -> Iterator[Frame]:
    """Read the frames of a GSD file one after the other.

    Parameters
    ----------
    dimension : 2 or 3 to overrule the file.

    Raises
    ------
    InputError : for a tilted box, missing particles, or a damaged file.
    """
    if not path.exists():
        raise InputError(path, "does not exist")
    try:
        with gsd.hoomd.open(str(path), "r") as file:
            count = len(file)
            # Writers leave out what equals frame 0, so one later chunk speaks for all frames. A
            # chunk in frame 0 alone does not: HOOMD writes that whatever it does later.
            following = range(1, count) if count > 1 else range(count)
            absolute = any(file.file.chunk_exists(frame=k, name=_IMAGE) for k in following)
            for number in range(count):
                yield _read_frame(path, file[number], number, absolute, dimension)
    except (RuntimeError, OSError, LookupError, ValueError, TypeError, MemoryError) as error:
        raise InputError(path, f"is truncated or no GSD file ({error})") from None


def _read_frame(
    path: Path, frame: Any, number: int, absolute: bool, dimension: int | None
) -> Frame:
    particles, where = frame.particles, f"frame {number}"
    if particles.N == 0 or particles.position is None:
        raise InputError(path, f"{where} has no particles")
    if frame.configuration.box is None:
        raise InputError(path, f"{where} has no box")
    box = np.asarray(frame.configuration.box, dtype=np.float64)
    if np.any(box[3:]):
        raise InputError(path, f"{where} has a tilted box", "only orthorhombic boxes are read")
    stored = checked_positions(path, f"positions of {where}", particles.position)
    kept = dimension or int(frame.configuration.dimensions or 3)
    if kept == 2:
        choose_dimension(path, stored, kept)
    sides = checked_box(path, box[:kept], kept)
    positions = stored[:, :kept] + sides / 2
    if absolute:
        images = np.asarray(particles.image, dtype=np.float64)[:, :kept]
        positions = apply_images(positions, images, sides)
    types, species = _species(path, particles)
    return Frame(
        positions=positions,
        types=types,
        box=sides,
        absolute=absolute,
        species=species,
        step=int(frame.configuration.step or 0),
    )


def _species(path: Path, particles: Any) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Species, and their names where these do not tell them."""
    identifiers = checked_types(path, "particles/typeid", particles.typeid, int(particles.N))
    names = list(particles.types or [])
    if int(identifiers.max()) >= len(names):
        raise InputError(path, f"typeid {identifiers.max()} has no name among {names}")
    try:
        # All names at once: numbers count from 1 or 0 whichever of them occur in this frame.
        species = species_from_names(path, np.array(names))
    except InputError:
        return identifiers, tuple(str(name) for name in names)
    return species[identifiers], ()


FORMAT = Format(
    name="gsd",
    description="GSD of HOOMD-blue and OVITO",
    suffixes=(".gsd",),
    detect=lambda head: head.suffix == ".gsd" or head.first.startswith(_MAGIC),
    options=TRAJECTORY_OPTIONS,
    frames=iterate_gsd,
)
