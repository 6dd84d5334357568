"""LAMMPS data files (``write_data``): one configuration, with image flags if they were written.

The first line is a title, whatever stands in it. The columns follow from the style behind
``Atoms #``; without it, five columns (or eight, with image flags) are ``atomic``. Types count from
1, or have names in a section ``Atom Type Labels``; particles are sorted by id.
"""

from __future__ import annotations

import re
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
    species_of_types,
    whole_numbers,
)
from glasscast.datasets.formats.format import Format, Head
from glasscast.datasets.formats.rows import Rows, Table
from glasscast.datasets.formats.text import Lines, open_lines, whole_number
from glasscast.datasets.frames import Frame, StoredFrame
from glasscast.datasets.images import apply_images
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

_PLACE, _IMAGES = ("x", "y", "z"), ("ix", "iy", "iz")
#: Style -> columns without image flags.
_STYLES = {
    "atomic": ("id", "type", *_PLACE),
    "charge": ("id", "type", "q", *_PLACE),
    "molecular": ("id", "molecule", "type", *_PLACE),
    "bond": ("id", "molecule", "type", *_PLACE),
    "angle": ("id", "molecule", "type", *_PLACE),
    "full": ("id", "molecule", "type", "q", *_PLACE),
}
_BOUNDS = (["xlo", "xhi"], ["ylo", "yhi"], ["zlo", "zhi"])
_VECTORS = (["avec"], ["bvec"], ["cvec"])
_WHERE = "section 'Atoms'"


@dataclass
class _Header:
    """What precedes the particles."""

    size: int = 0
    lower: FloatArray = field(default_factory=lambda: np.full(3, np.nan))
    vectors: FloatArray = field(default_factory=lambda: np.full((3, 3), np.nan))
    labels: dict[int, str] = field(default_factory=dict)

    @property
    def sides(self) -> FloatArray:
        """(3,) sides of the box."""
        return np.diagonal(self.vectors).copy()


def scan_data(path: Path, dimension: int | None = None) -> Iterator[StoredFrame]:
    """Go through a data file as a single frame, with the step that its first line may note.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : for a tilted box, an unknown style, or a file cut short.
    """
    with open_lines(path) as lines:
        title = lines.read()
        header = _Header()
        style = _read_header(lines, header)
        columns = _columns(lines, style)
        yield StoredFrame(
            load=partial(_read_frame, lines, title, header, columns, dimension),
            absolute=set(_IMAGES) <= set(columns),
            step=_noted_step(title),
            units=_noted_units(title),
        )


def _read_frame(
    lines: Lines, title: str, header: _Header, columns: tuple[str, ...], dimension: int | None
) -> Frame:
    path, flagged = lines.path, set(_IMAGES) <= set(columns)
    numbers = ("id", *_PLACE, *(_IMAGES if flagged else ()))
    table = Rows(lines, header.size, columns, _WHERE, comments="#").read(numbers, ("type",))
    order, ids = sort_by_ids(path, _WHERE, table.column("id"))
    positions = checked_positions(path, "Atoms", table.numbers(_PLACE)[order]) - header.lower
    if flagged:
        images = whole_numbers(path, _WHERE, "ix iy iz", table.numbers(_IMAGES)[order])
        positions = apply_images(positions, images, header.sides)
    kept = choose_dimension(path, positions, dimension)
    types, species = _species(path, table, header.labels)
    return Frame(
        positions=positions[:, :kept],
        types=types[order],
        box=header.sides[:kept],
        absolute=flagged,
        ids=ids,
        step=_noted_step(title),
        species=species,
        noted=True,
        units=_noted_units(title),
        corner=header.lower[:kept],
    )


def _noted_step(title: str) -> int | None:
    """Return the step at which LAMMPS wrote the file, which it notes in the first line."""
    match = re.search(r"\btimestep = (\d{1,18})\b", title)
    return int(match[1]) if match else None


def _noted_units(title: str) -> str | None:
    """Return the style of the units that LAMMPS notes in the first line."""
    match = re.search(r"\bunits = (\w+)", title)
    return match[1] if match else None


def _read_header(lines: Lines, header: _Header) -> str:
    """Read up to the section of the particles; return their style, '' if it is not told.

    Raises
    ------
    InputError : for what is damaged, lacking or tilted.
    """
    while line := lines.read_filled():
        words = line.partition("#")[0].split()
        if words == ["Atoms"]:
            break
        if words == ["Atom", "Type", "Labels"]:
            header.labels = _read_labels(lines)
            continue
        try:
            _read_line(lines, words, header)
        except ValueError:
            raise lines.wrong(f"a damaged header line '{line[:60]}'") from None
    else:
        raise InputError(
            lines.path, "has no section 'Atoms'", "it is truncated or no LAMMPS data file"
        )
    if header.size <= 0 or not np.isfinite([*header.lower, *header.sides]).all():
        raise InputError(lines.path, "its header lacks the number of atoms or the box")
    if np.any(header.sides <= 0):
        raise InputError(lines.path, f"box sides must be positive, got {header.sides.tolist()}")
    return line.partition("#")[2].strip()


def _read_line(lines: Lines, words: list[str], header: _Header) -> None:
    """Take from a line of the header what the box and the number of particles are."""
    if words[1:] == ["atoms"]:
        header.size = whole_number(words[0])
    elif words[2:] in _BOUNDS:
        axis = _BOUNDS.index(words[2:])
        low, high = float(words[0]), float(words[1])
        header.lower[axis] = low
        header.vectors[axis] = 0.0
        header.vectors[axis, axis] = high - low
    elif words[3:] in _VECTORS:
        axis = _VECTORS.index(words[3:])
        vector = np.array(words[:3], dtype=np.float64)
        header.vectors[axis] = vector
        refuse_tilt(lines.path, np.delete(vector, axis), vector)
    elif words[3:] == ["abc", "origin"]:
        header.lower = np.array(words[:3], dtype=np.float64)
    elif words[3:] == ["xy", "xz", "yz"]:
        sides = np.nan_to_num(header.sides, nan=1.0)
        refuse_tilt(lines.path, np.array(words[:3], dtype=np.float64), sides)


def _read_labels(lines: Lines) -> dict[int, str]:
    """Read the names of types up to the first blank line behind them."""
    labels: dict[int, str] = {}
    line = lines.read_filled()
    while line:
        words = line.partition("#")[0].split()
        if len(words) != 2 or not words[0].isdecimal():
            raise lines.wrong(f"'{line[:40]}' is no number of a type and its label")
        labels[int(words[0])] = words[1]
        line = lines.read().strip()
    if sorted(labels) != list(range(1, len(labels) + 1)):
        raise lines.wrong(f"'Atom Type Labels' count {sorted(labels)}, not from 1")
    return labels


def _columns(lines: Lines, style: str) -> tuple[str, ...]:
    """Columns of the section, told by the style and the width of the first row."""
    if style not in ("", *_STYLES):
        raise InputError(
            lines.path, f"has the atom style '{style}'", f"write it as {' or '.join(_STYLES)}"
        )
    while (line := lines.read()) and not line.strip():
        pass
    if not line:
        raise InputError(lines.path, f"is truncated: {_WHERE} has no row")
    lines.put_back(line)
    columns = _STYLES[style or "atomic"]
    width = len(line.partition("#")[0].split())
    if width not in (len(columns), len(columns) + 3):
        raise lines.wrong(
            f"has {width} columns, style '{style or 'atomic'}' has {len(columns)} or "
            f"{len(columns) + 3}",
            "write the style behind 'Atoms #'",
            lines.number + 1,
        )
    return columns if width == len(columns) else (*columns, *_IMAGES)


def _species(
    path: Path, table: Table, labels: dict[int, str]
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Species of the rows as they stand, and their names where these do not tell them."""
    found = table.column("type")
    if found.dtype.kind == "U":
        numbers = {label: number for number, label in labels.items()}
        unknown = sorted(set(found.tolist()) - set(numbers))
        if unknown:
            raise InputError(
                path,
                f"has type '{unknown[0]}', which no section 'Atom Type Labels' names",
                "number the types from 1",
            )
        found = np.array([numbers[label] for label in found.tolist()])
    types = checked_types(path, "Atoms", whole_numbers(path, _WHERE, "type", found), len(found), 1)
    if not labels:
        return types, ()
    if int(types.max()) >= len(labels):
        raise InputError(path, f"type {types.max() + 1} has no label")
    return species_of_types(path, types, [labels[k + 1] for k in range(len(labels))])


def _is_data(head: Head) -> bool:
    pattern = re.compile(r"\s*\d+\s+atoms\s*(#.*)?")
    return any(pattern.fullmatch(line) for line in head.all_lines[1:])


FORMAT = Format(
    name="lammps-data",
    description="LAMMPS data files",
    suffixes=(".data", ".lmp"),
    detect=_is_data,
    frames=scan_data,
    clocked=False,
)
