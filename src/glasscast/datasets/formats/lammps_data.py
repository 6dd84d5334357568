"""LAMMPS data files (``write_data``): one configuration, with image flags if they were written.

The columns follow from the style behind ``Atoms #``; without it, five columns (or eight, with
image flags) are ``atomic``. Types count from 1, particles are sorted by id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from glasscast.datasets.formats.checks import (
    checked_positions,
    checked_types,
    choose_dimension,
    sort_by_ids,
)
from glasscast.datasets.formats.format import Format, Head
from glasscast.datasets.frames import Frame
from glasscast.datasets.images import apply_images
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Style -> (column of the type, column of x, columns without image flags).
_STYLES = {
    "atomic": (1, 2, 5),
    "charge": (1, 3, 6),
    "molecular": (2, 3, 6),
    "bond": (2, 3, 6),
    "angle": (2, 3, 6),
    "full": (2, 4, 7),
}
_AXES = ("xlo", "ylo", "zlo")


def iterate_data(path: Path, dimension: int | None = None) -> Iterator[Frame]:
    """Read a data file as a single frame, with the step that its first line may note.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : for a triclinic box, an unknown style, or a file cut short.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    section = next((k for k, line in enumerate(lines) if line.split()[:1] == ["Atoms"]), None)
    if section is None:
        raise InputError(path, "has no section 'Atoms'", "it is truncated or no LAMMPS data file")
    size, lower, sides = _read_header(path, lines[1:section])
    rows = [line for line in lines[section + 1 :] if line.strip()][:size]
    style = lines[section].partition("#")[2].strip()
    table = _read_rows(path, rows, size)
    kind, first, width = _columns(path, style, table.shape[1])
    order, ids = sort_by_ids(path, "Atoms", table[:, 0])
    table = table[order]
    positions = checked_positions(path, "Atoms", table[:, first : first + 3]) - lower
    with_images = table.shape[1] == width + 3
    if with_images:
        positions = apply_images(positions, table[:, width:], sides)
    kept = choose_dimension(path, positions, dimension)
    numbers = table[:, kind]
    if not np.array_equal(numbers, np.round(numbers)):
        raise InputError(path, f"types must be integers; is the style '{style or 'atomic'}' right?")
    yield Frame(
        positions=positions[:, :kept],
        types=checked_types(path, "Atoms", numbers.astype(np.int64), size, first=1),
        box=sides[:kept],
        absolute=with_images,
        ids=ids,
        step=_noted_step(lines[0]),
        noted=True,
        units=_noted_units(lines[0]),
    )


def _noted_step(title: str) -> int | None:
    """Return the step at which LAMMPS wrote the file, which it notes in the first line."""
    match = re.search(r"\btimestep = (\d+)", title)
    return int(match[1]) if match else None


def _noted_units(title: str) -> str | None:
    """Return the style of the units that LAMMPS notes in the first line."""
    match = re.search(r"\bunits = (\w+)", title)
    return match[1] if match else None


def _read_header(path: Path, lines: list[str]) -> tuple[int, FloatArray, FloatArray]:
    """Read the number of particles, lower corner and sides."""
    size, bounds = 0, {}
    for line in lines:
        words = line.partition("#")[0].split()
        try:
            if words[1:] == ["atoms"]:
                size = int(words[0])
            elif len(words) == 4 and words[2] in _AXES:
                bounds[words[2]] = (float(words[0]), float(words[1]))
            elif {"xy", "avec"} & set(words):
                raise InputError(path, "has a triclinic box", "only orthorhombic boxes are read")
        except ValueError as error:
            raise InputError(
                path, f"has a damaged header line '{line.strip()}' ({error})"
            ) from None
    if size <= 0 or len(bounds) != 3:
        raise InputError(path, "its header lacks the number of atoms or the box")
    box = np.array([bounds[axis] for axis in _AXES])
    return size, box[:, 0], box[:, 1] - box[:, 0]


def _read_rows(path: Path, rows: list[str], size: int) -> FloatArray:
    try:
        table = np.loadtxt(rows, ndmin=2) if rows else np.empty((0, 5))
    except ValueError as error:
        raise InputError(path, f"section 'Atoms': {error}", "the file may be truncated") from None
    if len(table) < size:
        raise InputError(path, f"is truncated: it has {len(table)} of {size} particles")
    return table


def _columns(path: Path, style: str, width: int) -> tuple[int, int, int]:
    if style not in ("", *_STYLES):
        raise InputError(
            path, f"has the atom style '{style}'", f"write it as {' or '.join(_STYLES)}"
        )
    kind, first, columns = _STYLES[style or "atomic"]
    if width not in (columns, columns + 3):
        raise InputError(
            path,
            f"has {width} columns, style '{style or 'atomic'}' has {columns} or {columns + 3}",
            "write the style behind 'Atoms #'",
        )
    return kind, first, columns


def _is_data(head: Head) -> bool:
    return any(re.fullmatch(r"\s*\d+\s+atoms\s*", line) for line in head.lines[1:])


FORMAT = Format(
    name="lammps-data",
    description="LAMMPS data files",
    suffixes=(".data", ".lmp"),
    detect=_is_data,
    frames=iterate_data,
    clocked=False,
)
