"""LAMMPS text dumps: several frames a file, columns in any order.

Coordinates are taken from the first of these that is present: ``xu yu zu``, ``xsu ysu zsu``,
``x y z``, ``xs ys zs``. The last two are folded unless image flags ``ix iy iz`` follow them
across the faces. Particles are sorted by ``id``. Types count from 1; where ``dump_modify types
labels`` wrote names, or only ``typelabel`` or ``element`` is there, A is the first species.
Velocities are read from ``vx vy vz`` where these are present. Only periodic boxes are read whose
tilt is zero but for rounding. The system is two-dimensional if all particles share one z or have
none, or if the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.checks import (
    checked_positions,
    checked_types,
    choose_dimension,
    refuse_tilt,
    sort_by_ids,
    species_from_names,
    whole_numbers,
)
from glasscast.datasets.formats.format import TRAJECTORY_OPTIONS, Format, Head
from glasscast.datasets.formats.rows import Rows, Table
from glasscast.datasets.formats.text import Lines, open_lines, whole_number
from glasscast.datasets.frames import Frame, StoredFrame
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
_SPECIES = ("type", "typelabel", "element")
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

    @property
    def where(self) -> str:
        """The frame, for messages."""
        return f"the frame at step {self.step}"


@dataclass(frozen=True)
class _Columns:
    """Which columns hold what."""

    axes: tuple[str, ...]
    scaled: bool
    absolute: bool
    images: tuple[str, ...]
    velocities: tuple[str, ...]
    species: str

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that must hold numbers."""
        return ("id", *self.axes, *self.images, *self.velocities)


def scan_dump(path: Path, dimension: int | None = None) -> Iterator[StoredFrame]:
    """Go through the frames of a dump.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : naming what is missing, or the line that is wrong.
    """
    with open_lines(path) as lines:
        header = _Header()
        while line := lines.read_filled():
            if not line.startswith("ITEM: ATOMS"):
                _read_item(lines, line, header)
                continue
            if header.size <= 0 or len(header.sides) != 3:
                raise lines.wrong("a frame without 'NUMBER OF ATOMS' or 'BOX BOUNDS'")
            names = tuple(line.split()[2:])
            columns = _choose_columns(path, names)
            if len(columns.axes) == 2 and dimension != 2:
                _refuse_missing_axis(path, names, float(header.sides[2]))
            rows = Rows(lines, header.size, names, header.where)
            yield StoredFrame(
                load=partial(_read_frame, path, rows, columns, header, dimension),
                absolute=columns.absolute,
                step=header.step,
                time=header.time,
                units=header.units,
            )
            rows.skip()
            header = _Header(units=header.units)  # told once, in the first frame
        if header.begun:
            raise InputError(path, "is truncated: its last frame has no particles")


def _read_item(lines: Lines, item: str, header: _Header) -> None:
    header.begun = True
    try:
        if item == "ITEM: TIMESTEP":
            header.step = whole_number(lines.expect("the step"))
        elif item == "ITEM: TIME":
            header.time = float(lines.expect("the time"))
            if not np.isfinite(header.time):
                raise ValueError
        elif item == "ITEM: NUMBER OF ATOMS":
            header.size = whole_number(lines.expect("the number of particles"))
        elif item.startswith("ITEM: BOX BOUNDS"):
            _read_box(lines, item.split()[3:], header)
        elif item == "ITEM: UNITS":
            header.units = lines.expect("the style of the units")
        else:
            raise lines.wrong(
                f"unexpected line '{item[:60]}'; a LAMMPS dump has items, and as many rows in a "
                "frame as its 'NUMBER OF ATOMS' says"
            )
    except ValueError:
        raise lines.wrong(f"is no number; damaged after '{item[:60]}'") from None


def _read_box(lines: Lines, words: list[str], header: _Header) -> None:
    """Read corner and sides.

    Raises
    ------
    InputError : for a box that is tilted or not periodic.
    ValueError : for what is no number.
    """
    flags = [word for word in words if word not in ("xy", "xz", "yz", "abc", "origin")]
    if any(flag != "pp" for flag in flags):
        raise lines.wrong(
            f"has a box that is not periodic ({' '.join(flags)})", "run it with boundary p p p"
        )
    width = 4 if "abc" in words else 3 if "xy" in words else 2
    rows = []
    for _ in range(3):
        numbers = [float(entry) for entry in lines.expect("the box").split()]
        if len(numbers) != width or not np.isfinite(numbers).all():
            raise lines.wrong(f"bounds of the box are {width} numbers a line")
        rows.append(numbers)
    bounds = np.array(rows)
    if width == 4:
        vectors, header.lower = bounds[:, :3], bounds[:, 3]
        header.sides = np.diagonal(vectors).copy()
        tilt = vectors - np.diag(header.sides)
    else:
        header.lower, header.sides = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
        tilt = bounds[:, 2:]
    refuse_tilt(lines.path, tilt, header.sides)
    if np.any(header.sides <= 0):
        raise lines.wrong(f"box sides must be positive, got {header.sides.tolist()}")


def _read_frame(
    path: Path, rows: Rows, columns: _Columns, header: _Header, dimension: int | None
) -> Frame:
    table = rows.read(columns.numbers, (columns.species,))
    where, width = header.where, len(columns.axes)
    order, ids = sort_by_ids(path, where, table.column("id"))
    lower, sides = header.lower[:width], header.sides[:width]
    stored = table.numbers(columns.axes)[order]
    positions = stored * sides if columns.scaled else stored - lower
    if columns.images:
        images = whole_numbers(path, where, "ix iy iz", table.numbers(columns.images)[order])
        positions = apply_images(positions, images, sides)
    positions = checked_positions(path, f"positions of {where}", positions)
    kept = choose_dimension(path, positions, dimension) if width == 3 else 2
    velocities = table.numbers(columns.velocities)[order, :kept] if columns.velocities else None
    return Frame(
        positions=positions[:, :kept],
        types=_species(path, table, columns.species, where)[order],
        box=header.sides[:kept],
        absolute=columns.absolute,
        ids=ids,
        velocities=velocities,
        step=header.step,
        time=header.time,
        units=header.units,
        corner=header.lower[:kept],
    )


def _choose_columns(path: Path, names: tuple[str, ...]) -> _Columns:
    """Choose among columns.

    Raises
    ------
    InputError : without ids, species or coordinates.
    """
    present = set(names)
    if "id" not in present:
        raise InputError(
            path, "has no column 'id', and LAMMPS keeps no order", "dump with 'id type xu yu zu'"
        )
    species = next((name for name in _SPECIES if name in present), None)
    for width in (3, 2):
        for axes, (scaled, absolute) in _COORDINATES.items():
            if set(axes[:width]) <= present:
                if species is None:
                    raise InputError(path, "has no column 'type'", "dump with 'id type xu yu zu'")
                flagged = not absolute and set(_IMAGES[:width]) <= present
                moving = set(_VELOCITIES[:width]) <= present
                return _Columns(
                    axes=axes[:width],
                    scaled=scaled,
                    absolute=absolute or flagged,
                    images=_IMAGES[:width] if flagged else (),
                    velocities=_VELOCITIES[:width] if moving else (),
                    species=species,
                )
    raise InputError(
        path, f"has no coordinates among {' '.join(names)}", "dump with 'id type xu yu zu'"
    )


def _refuse_missing_axis(path: Path, columns: tuple[str, ...], depth: float) -> None:
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


def _species(path: Path, table: Table, name: str, where: str) -> NDArray[np.int8]:
    found = table.column(name)
    if found.dtype.kind == "U":
        return species_from_names(path, found)
    return checked_types(path, name, whole_numbers(path, where, name, found), len(found), first=1)


def _is_dump(head: Head) -> bool:
    return head.lines[:1] != [] and head.lines[0].startswith("ITEM:")


FORMAT = Format(
    name="lammps",
    description="LAMMPS text dumps",
    suffixes=(".dump", ".lammpstrj", ".lammpsdump", ".dmp"),
    detect=_is_dump,
    options=TRAJECTORY_OPTIONS,
    frames=scan_dump,
)
