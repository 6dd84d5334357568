"""DCD files of LAMMPS and HOOMD-blue: positions and box alone, read by mdtraj.

They hold no species: these, the ids and the lower corner of the box are those of the parent,
``initial.data`` beside the trajectories, whose particles are in the same order: by id. Nor do they
say whether coordinates are folded, but the data do: folded ones never spread over much more than a
box side. Absolute ones that do not either have moved so little that the shortest image is the true
one. Frames are numbered at equal spacing from the step in the header.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.formats.checks import checked_box, checked_positions, choose_dimension
from glasscast.datasets.formats.compression import refuse_compressed
from glasscast.datasets.formats.format import TRAJECTORY_OPTIONS, Format, Head
from glasscast.datasets.frames import Frame, StoredFrame
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: In box sides. Programs fold at some steps only, so that folded particles stray a little.
_WIDEST_FOLDED = 1.25
_RIGHT = 1e-3  # degrees by which rounding may miss a right angle
_TITLES = 92  # offset of the block behind the one of numbers
_HEAD = 1 << 16  # bytes that hold the header, whatever its titles
_PLACE = 12  # bytes of a position


def scan_dcd(path: Path, dimension: int | None = None) -> Iterator[StoredFrame]:
    """Go through the frames of a DCD file.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : for a tilted box, a damaged file, or without mdtraj.
    """
    refuse_compressed(path)
    count, first, spacing = _read_header(path)
    absolute, found = False, 0
    for positions, sides in _stored(path):
        absolute |= bool(np.any(np.ptp(positions, axis=0) > _WIDEST_FOLDED * sides))
        found += 1
    if found < count:
        raise InputError(path, f"is truncated: it has {found} of {count} frames")
    for number, (positions, sides) in enumerate(_stored(path)):
        yield StoredFrame(
            load=partial(_frame, path, number, positions, sides, absolute, dimension),
            absolute=absolute,
            step=first + number * spacing,
        )


def _read_header(path: Path) -> tuple[int, int, int]:
    """Read the number of frames, step of the first, steps between two: mdtraj gives none.

    Raises
    ------
    InputError : for a file that is none, or claims more particles than it has bytes for.
    """
    damaged = InputError(path, "is truncated or no DCD file")
    try:
        with path.open("rb") as stream:
            content = stream.read(_HEAD)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    order = "<" if content[:4] == b"T\0\0\0" else ">"
    try:
        length, magic, count, first, spacing = struct.unpack_from(f"{order}i4s3i", content)
        fixed = struct.unpack_from(f"{order}i", content, 40)[0]
        (titles,) = struct.unpack_from(f"{order}i", content, _TITLES)
        after = _TITLES + 4 + titles  # behind it the mark of the title, and a block of one number
        ends, mark, size = struct.unpack_from(f"{order}3i", content, after)
    except struct.error:
        raise damaged from None
    if (length, magic, ends, mark) != (84, b"CORD", titles, 4):
        raise damaged
    if fixed:
        raise InputError(path, f"leaves out {fixed} particles that do not move")
    if not 0 < size <= path.stat().st_size // _PLACE:
        raise InputError(path, f"is truncated or damaged: it claims {size} particles")
    return count, first, spacing


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        from mdtraj.formats import DCDTrajectoryFile
    except ImportError:
        raise InputError(
            path,
            "is a DCD file, which needs the package mdtraj",
            "pip install 'glasscast[formats]', or write a dump: 'dump custom ... id type xu yu zu'",
        ) from None
    try:
        with _silence():
            file = DCDTrajectoryFile(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(path, f"is truncated or no DCD file ({error})") from None
    with file:
        yield file


@contextmanager
def _silence() -> Iterator[None]:
    """Drop what the library prints below Python when it opens a file."""
    library = ctypes.CDLL(None)
    sys.stdout.flush()
    library.fflush(None)
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            yield
            library.fflush(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _stored(path: Path) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Positions (N, 3) and sides (3,) of each frame, as they are stored."""
    with _opened(path) as file:
        for number in range(len(file)):
            try:
                positions, sides, angles = file.read(1)
            except (OSError, ValueError, RuntimeError, IndexError) as error:
                raise InputError(
                    path, f"is truncated or damaged at frame {number} ({error})"
                ) from None
            if len(positions) != 1 or positions.shape[1] == 0:
                raise InputError(path, f"is truncated or damaged at frame {number}")
            if sides is None or not np.all(np.abs(angles - 90) <= _RIGHT):
                raise InputError(
                    path,
                    f"frame {number} has a triclinic box or none",
                    "only orthorhombic boxes are read",
                )
            yield positions[0].astype(np.float64), sides[0].astype(np.float64)


def _frame(
    path: Path,
    number: int,
    stored: FloatArray,
    sides: FloatArray,
    absolute: bool,
    dimension: int | None,
) -> Frame:
    positions = checked_positions(path, f"positions of frame {number}", stored)
    kept = choose_dimension(path, positions, dimension)
    return Frame(
        positions=positions[:, :kept],
        types=np.empty(0, np.int8),
        box=checked_box(path, sides[:kept], kept),
        absolute=absolute,
    )


def _is_dcd(head: Head) -> bool:
    return head.first[4:8] == b"CORD"


FORMAT = Format(
    name="dcd",
    description="DCD of LAMMPS and HOOMD-blue, with the parent in initial.data",
    suffixes=(".dcd",),
    detect=_is_dcd,
    options=TRAJECTORY_OPTIONS,
    frames=scan_dcd,
)
