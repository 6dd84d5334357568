"""LAMMPS text dumps: several frames a file, columns in any order.

Coordinates are taken from the first of these that is present: ``xu yu zu``, ``xsu ysu zsu``,
``x y z``, ``xs ys zs``. The last two are folded unless image flags ``ix iy iz`` follow them
across the faces. Particles are sorted by ``id``, types count from 1 (or ``element`` names A, B).
Velocities are read from ``vx vy vz`` where these are present. Only periodic, orthorhombic boxes
are read. The system is two-dimensional if all particles share one z or have none,
or if the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.checks import (
    checked_positions,
    checked_types,
    choose_dimension,
    sort_by_ids,
    species_from_names,
)
from glasscast.datasets.formats.format import TRAJECTORY_OPTIONS, Format
from glasscast.datasets.frames import Frame
from glasscast.datasets.images import apply_images
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Column names -> (scaled by the box, followed across the faces), best first.
_COORDINATES = {
    ("xu", "yu", "zu"): (False, True),
    ("xsu", "ysu", "zsu"): (True, True),
    ("x", "y", "z"): (False, False),
    ("xs", "ys", "zs"): (True, False),
}
_IMAGES = ("ix", "iy", "iz")
_VELOCITIES = ("vx", "vy", "vz")
_LONGEST_NAME = "U32"
#: Boxes of two-dimensional systems are hardly deeper than a particle.
_DEEPEST_FLAT = 2.0


@dataclass
class _Header:
    """What precedes the rows of a frame."""

    begun: bool = False
    step: int | None = None
    time: float | None = None
    units: str | None = None
    size: int = 0
    lower: FloatArray = field(default_factory=lambda: np.empty(0))
    sides: FloatArray = field(default_factory=lambda: np.empty(0))


def iterate_dump(path: Path, dimension: int | None = None) -> Iterator[Frame]:
    """Read the frames of a dump one after the other.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : naming what is missing, or the frame that is cut short.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            header = _Header()
            while line := stream.readline():
                if line.startswith("ITEM: ATOMS"):
                    yield _read_frame(path, stream, line.split()[2:], header, dimension)
                    header = _Header(units=header.units)  # told once, in the first frame
                elif line.strip():
                    _read_item(path, stream, line.strip(), header)
            if header.begun:
                raise InputError(path, "is truncated: its last frame has no particles")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None


def _read_item(path: Path, stream: TextIO, item: str, header: _Header) -> None:
    header.begun = True
    try:
        if item == "ITEM: TIMESTEP":
            header.step = int(stream.readline())
        elif item == "ITEM: TIME":
            header.time = float(stream.readline())
        elif item == "ITEM: NUMBER OF ATOMS":
            header.size = int(stream.readline())
        elif item.startswith("ITEM: BOX BOUNDS"):
            _refuse_box(path, item)
            bounds = np.array([stream.readline().split() for _ in range(3)], dtype=np.float64)
            header.lower, header.sides = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
        elif item == "ITEM: UNITS":
            units = stream.readline().strip()
            header.units = units
        else:
            raise InputError(path, f"is not a LAMMPS dump: unexpected line '{item[:60]}'")
    except (ValueError, IndexError) as error:
        raise InputError(path, f"is truncated or damaged after '{item}' ({error})") from None


def _refuse_box(path: Path, item: str) -> None:
    words = item.split()[3:]
    if {"xy", "xz", "yz", "abc"} & set(words):
        raise InputError(
            path, "has a triclinic box", "only orthorhombic boxes are supported; map it to one"
        )
    if any(word != "pp" for word in words):
        raise InputError(
            path,
            f"has a box that is not periodic ({' '.join(words)})",
            "run it with boundary p p p",
        )


def _read_frame(
    path: Path, stream: TextIO, columns: list[str], header: _Header, dimension: int | None
) -> Frame:
    if header.size <= 0 or len(header.sides) != 3:
        raise InputError(path, "has a frame without 'NUMBER OF ATOMS' or 'BOX BOUNDS'")
    lines = list(islice(stream, header.size))
    where = f"frame at step {header.step}"
    if len(lines) < header.size:
        raise InputError(path, f"is truncated: {where} has {len(lines)} of {header.size} particles")
    axes, scaled, absolute = _choose_columns(path, columns)
    if len(axes) == 2 and dimension != 2:
        _refuse_missing_axis(path, columns, float(header.sides[2]))
    images = _IMAGES[: len(axes)]
    with_images = not absolute and set(images) <= set(columns)
    with_velocities = set(_VELOCITIES[: len(axes)]) <= set(columns)
    wanted = (
        *("id", *axes),
        *(images if with_images else ()),
        *(_VELOCITIES[: len(axes)] if with_velocities else ()),
    )
    table = _numbers(path, lines, columns, wanted, where)
    order, ids = sort_by_ids(path, where, table[:, 0])
    table = table[order]
    width = len(axes)
    stored, sides = table[:, 1 : 1 + width], header.sides[:width]
    positions = stored * sides if scaled else stored - header.lower[:width]
    if with_images:
        positions = apply_images(positions, table[:, 1 + width : 1 + 2 * width], sides)
    positions = checked_positions(path, f"positions of the {where}", positions)
    kept = choose_dimension(path, positions, dimension) if width == 3 else 2
    velocities = table[:, -width:][:, :kept] if with_velocities else None
    return Frame(
        positions=positions[:, :kept],
        types=_species(path, lines, columns, where)[order],
        box=header.sides[:kept],
        absolute=absolute or with_images,
        ids=ids,
        velocities=velocities,
        step=header.step,
        time=header.time,
        units=header.units,
    )


def _choose_columns(path: Path, columns: list[str]) -> tuple[tuple[str, ...], bool, bool]:
    if "id" not in columns:
        raise InputError(
            path, "has no column 'id', and LAMMPS keeps no order", "dump with 'id type xu yu zu'"
        )
    for width in (3, 2):
        for axes, (scaled, absolute) in _COORDINATES.items():
            if set(axes[:width]) <= set(columns):
                return axes[:width], scaled, absolute
    raise InputError(
        path, f"has no coordinates among {' '.join(columns)}", "dump with 'id type xu yu zu'"
    )


def _refuse_missing_axis(path: Path, columns: list[str], depth: float) -> None:
    """Refuse two coordinates of a system that is not flat: z was forgotten, or is of another kind.

    Raises
    ------
    InputError : if there is some z column, or the box is deeper than a flat one.
    """
    third = sorted({axes[2] for axes in _COORDINATES} & set(columns))
    if third or depth > _DEEPEST_FLAT:
        seen = f"the column '{third[0]}' is of another kind" if third else f"Lz is {depth:g}"
        raise InputError(
            path,
            f"has x and y but not the z that belongs to them, and {seen}",
            "dump with 'id type xu yu zu', or say that it is two-dimensional",
            "dimension",
        )


def _numbers(
    path: Path, lines: list[str], columns: list[str], wanted: tuple[str, ...], where: str
) -> FloatArray:
    try:
        return np.loadtxt(lines, usecols=[columns.index(c) for c in wanted], comments=None, ndmin=2)
    except (ValueError, IndexError) as error:
        raise InputError(path, f"{where}: {error}", "the file may be truncated") from None


def _species(path: Path, lines: list[str], columns: list[str], where: str) -> NDArray[np.int8]:
    if "type" in columns:
        numbers = _numbers(path, lines, columns, ("type",), where)[:, 0]
        if not np.array_equal(numbers, np.round(numbers)):
            raise InputError(path, f"{where}: 'type' must hold integers")
        return checked_types(path, "type", numbers.astype(np.int64), len(lines), first=1)
    if "element" in columns:
        names = np.loadtxt(
            lines, usecols=columns.index("element"), dtype=_LONGEST_NAME, comments=None, ndmin=1
        )
        return species_from_names(path, names)
    raise InputError(path, "has no column 'type'", "dump with 'id type xu yu zu'")


FORMAT = Format(
    name="lammps",
    description="LAMMPS text dumps",
    suffixes=(".dump", ".lammpstrj", ".lammpsdump", ".dmp"),
    detect=lambda head: head.lines[:1] != [] and head.lines[0].startswith("ITEM:"),
    options=TRAJECTORY_OPTIONS,
    frames=iterate_dump,
)
