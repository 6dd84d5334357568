"""Extended XYZ: several frames a file, box and columns in the second line of each.

``Lattice="Lx 0 0 0 Ly 0 0 0 Lz"`` must be orthorhombic but for rounding; ``Properties`` names the
columns, by default ``species:S:1:pos:R:3``. Positions are taken from the column ``unwrapped`` where
there is one, else from ``pos``, shifted by ``image`` (whole box sides) where that exists. ``pos``
alone is taken as written: XYZ does not tell whether it is folded, so a folded trajectory needs
``wrapped``. Rows are sorted by the column ``id`` where there is one; other names that programs give
to these columns are known, too. The clock is ``time=``, ``step=`` or ``timestep=``; species are
letters A, B or numbers, of a column ``type`` where ``species`` is X. The system is two-dimensional
if all particles share one z, or if the caller says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.checks import (
    checked_box,
    checked_positions,
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

_PAIR = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|(\[[^\]]*\]|\S+))""")
_SPECIES = ("species", "type", "types")
_UNWRAPPED = ("unwrapped", "unwrapped_pos", "pos_unwrapped", "unwrapped_position")
_IMAGES = ("image", "images", "periodic_image", "travel")
_IDS = ("id", "ids", "identifier", "particle_identifier", "atom_id", "particle_id", "tag")
#: Names that tell the species: letters A, B, ... or numbers.
_NAMED = re.compile(r"[A-Z]|[0-9]+", re.ASCII)
#: OVITO writes the step of a LAMMPS dump as ``Timestep``.
_STEPS = ("step", "timestep")
_WIDEST = 100  # columns of one property
_DEFAULT = "species:S:1:pos:R:3"


def scan_xyz(path: Path, dimension: int | None = None) -> Iterator[StoredFrame]:
    """Go through the frames of an extended XYZ file.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : for a missing or skewed Lattice, a missing column, or a frame cut short.
    """
    with open_lines(path) as lines:
        number = 0
        while line := lines.read_filled():
            where = f"frame {number}"
            size = _read_size(lines, line, where)
            pairs = parse_comment(lines.expect(f"the second line of {where}"))
            properties = _read_properties(lines, pairs.get("properties", _DEFAULT))
            time, step = _read_clock(lines, pairs)
            columns = tuple(name for names in properties.values() for name in names)
            rows = Rows(lines, size, columns, where)
            load = partial(_read_frame, rows, properties, pairs, dimension, (time, step))
            yield StoredFrame(load=load, absolute=True, step=step, time=time)
            rows.skip()
            number += 1


def parse_comment(comment: str) -> dict[str, str]:
    """Key-value pairs of the second line; keys in lower case."""
    return {
        match[1].lower(): next(text for text in match.groups()[1:] if text is not None)
        for match in _PAIR.finditer(comment)
    }


def _read_size(lines: Lines, line: str, where: str) -> int:
    try:
        size = whole_number(line)
    except ValueError:
        size = 0
    if size <= 0:
        raise lines.wrong(f"{where} does not begin with a number of particles: '{line[:40]}'")
    return size


def _read_frame(
    rows: Rows,
    properties: dict[str, tuple[str, ...]],
    pairs: dict[str, str],
    dimension: int | None,
    clock: tuple[float | None, int | None],
) -> Frame:
    path, where = rows.lines.path, rows.where
    followed = _first(properties, _UNWRAPPED)
    place = followed or properties.get("pos", ())
    if len(place) not in (2, 3):
        raise InputError(path, f"{where} has no column 'pos' with 2 or 3 numbers")
    sides, corner = _read_lattice(path, pairs)
    width = len(place)
    flags = () if followed else _first(properties, _IMAGES)
    if flags and len(flags) != width:
        raise InputError(path, f"{where}: 'image' must have {width} columns")
    names = [properties[key][0] for key in _SPECIES if properties.get(key)]
    named = _first(properties, _IDS)[:1]
    table = rows.read((*place, *flags, *named), names)
    positions = table.numbers(place) - corner[:width]
    if flags:
        images = whole_numbers(path, where, "image", table.numbers(flags))
        positions = apply_images(positions, images, sides[:width])
    positions = checked_positions(path, f"positions of {where}", positions)
    kept = choose_dimension(path, positions, dimension) if width == 3 else 2
    _refuse_open_faces(path, pairs, kept)
    order, ids = np.arange(len(positions)), None
    if named:
        order, ids = sort_by_ids(path, where, table.column(named[0]))
    return Frame(
        positions=positions[order, :kept],
        types=_species(path, table, names, where)[order],
        box=checked_box(path, sides[:kept], kept),
        absolute=True,
        ids=ids,
        time=clock[0],
        step=clock[1],
        corner=corner[:kept],
    )


def _first(properties: dict[str, tuple[str, ...]], names: Sequence[str]) -> tuple[str, ...]:
    """Columns of the first of some properties that is there; none if none is."""
    return next((properties[name] for name in names if name in properties), ())


def _species(path: Path, table: Table, columns: list[str], where: str) -> NDArray[np.int8]:
    """Species of the first column that tells it: X stands for a type that is no element."""
    if not columns:
        raise InputError(path, f"{where} has no column 'species'")
    for column in columns:
        found = table.column(column)
        if found.dtype.kind == "f":
            found = whole_numbers(path, where, column, found).astype(str)
        if np.all(found == "X"):
            continue
        last = column == columns[-1]
        if not last and not all(_NAMED.fullmatch(name) for name in np.unique(found)):
            continue
        return species_from_names(path, found)
    raise InputError(
        path, f"{where}: all particles are of the species X", "name them A, B or by numbers"
    )


def _refuse_open_faces(path: Path, pairs: dict[str, str], dimension: int) -> None:
    """Refuse ``pbc`` that is false along one of the axes.

    Raises
    ------
    InputError : for a box that is not periodic.
    """
    flags = re.findall(r"\w+", pairs.get("pbc", "").lower())
    if any(flag in ("f", "false", "0") for flag in flags[:dimension]):
        raise InputError(
            path,
            f"has a box that is not periodic (pbc={' '.join(flags)})",
            "run it in a periodic one",
        )


def _read_properties(lines: Lines, text: str) -> dict[str, tuple[str, ...]]:
    """Name (lower case) -> names of its columns."""
    words = text.split(":")
    properties: dict[str, tuple[str, ...]] = {}
    try:
        for name, width in zip(words[::3], words[2::3], strict=True):
            if not 0 < int(width) <= _WIDEST:
                raise ValueError
            key = name.lower()
            if key in properties:
                raise lines.wrong(f"Properties name '{key}' twice")
            single = int(width) == 1
            properties[key] = tuple(key if single else f"{key}[{k + 1}]" for k in range(int(width)))
    except ValueError:
        raise lines.wrong(f"unreadable Properties '{text[:80]}'") from None
    return properties


def _read_lattice(path: Path, pairs: dict[str, str]) -> tuple[FloatArray, FloatArray]:
    """Sides and origin, three numbers each."""
    if "lattice" not in pairs:
        raise InputError(
            path,
            "has no Lattice: it is XYZ without a box",
            'write Lattice="Lx 0 0 0 Ly 0 0 0 Lz" into line 2',
        )
    try:
        lattice = np.array(pairs["lattice"].split(), dtype=np.float64).reshape(3, 3)
        origin = np.array(pairs.get("origin", "0 0 0").split(), dtype=np.float64).reshape(3)
    except ValueError:
        raise InputError(path, f"Lattice '{pairs['lattice']}' is not nine numbers") from None
    if not np.isfinite([*lattice.ravel(), *origin]).all():
        raise InputError(path, f"Lattice '{pairs['lattice']}' or Origin is not finite")
    sides = np.diagonal(lattice).copy()
    refuse_tilt(path, lattice - np.diag(sides), sides)
    return sides, origin


def _read_clock(lines: Lines, pairs: dict[str, str]) -> tuple[float | None, int | None]:
    """Time and step, None where the frame does not tell."""
    try:
        time = float(pairs["time"]) if "time" in pairs else None
        told = next((pairs[key] for key in _STEPS if key in pairs), None)
        step = None if told is None else whole_number(told)
    except ValueError as error:
        raise lines.wrong(f"unreadable time or step ({error})") from None
    if time is not None and not np.isfinite(time):
        raise lines.wrong(f"the time {time} is not finite")
    return time, step


def _is_xyz(head: Head) -> bool:
    return head.lines[:1] != [] and head.lines[0].strip().isdecimal()


FORMAT = Format(
    name="extxyz",
    description="extended XYZ",
    suffixes=(".xyz", ".extxyz"),
    detect=_is_xyz,
    options=TRAJECTORY_OPTIONS,
    frames=scan_xyz,
)
