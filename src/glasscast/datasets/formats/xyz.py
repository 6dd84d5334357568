"""Extended XYZ: several frames a file, box and columns in the second line of each.

``Lattice="Lx 0 0 0 Ly 0 0 0 Lz"`` must be orthorhombic; ``Properties`` names the columns, by
default ``species:S:1:pos:R:3``. Positions are taken from the column ``unwrapped`` where there is
one, else from ``pos``, shifted by ``image`` (whole box sides) where that exists. ``pos`` alone
is taken as written: XYZ does not tell whether it is folded, so a folded trajectory needs
``wrapped``. Rows are sorted by the column ``id`` where there is one. The clock is ``time=`` or
``step=``; species are letters A, B or numbers, of a column ``type`` where ``species`` is X. The
system is two-dimensional if all particles share one z, or if the caller says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.formats.checks import (
    checked_box,
    checked_positions,
    choose_dimension,
    sort_by_ids,
    species_from_names,
)
from glasscast.datasets.formats.format import TRAJECTORY_OPTIONS, Format, Head
from glasscast.datasets.frames import Frame
from glasscast.datasets.images import apply_images
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

_PAIR = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")
_SPECIES = ("species", "type", "types")
#: Names that tell the species: letters A, B, ... or numbers.
_NAMED = re.compile(r"[A-Z]|[0-9]+", re.ASCII)
_LONGEST_NAME = "U32"


def iterate_xyz(path: Path, dimension: int | None = None) -> Iterator[Frame]:
    """Read the frames of an extended XYZ file one after the other.

    Parameters
    ----------
    dimension : 2 or 3 to decide by hand; by default 2 if all particles share one z.

    Raises
    ------
    InputError : for a missing or skewed Lattice, a missing column, or a frame cut short.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            number = 0
            while line := stream.readline():
                if not line.strip():
                    continue
                size = _read_size(path, line, number)
                comment = stream.readline()
                lines = list(islice(stream, size))
                if len(lines) < size:
                    raise InputError(
                        path, f"is truncated: frame {number} has {len(lines)} of {size} particles"
                    )
                yield _read_frame(path, comment, lines, dimension, number)
                number += 1
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None


def parse_comment(comment: str) -> dict[str, str]:
    """Key-value pairs of the second line; keys in lower case."""
    return {
        match[1].lower(): next(text for text in match.groups()[1:] if text is not None)
        for match in _PAIR.finditer(comment)
    }


def _read_size(path: Path, line: str, number: int) -> int:
    try:
        size = int(line)
    except ValueError:
        size = 0
    if size <= 0:
        raise InputError(
            path, f"frame {number} does not begin with a number of particles: '{line.strip()[:40]}'"
        )
    return size


def _read_frame(
    path: Path, comment: str, lines: list[str], dimension: int | None, number: int
) -> Frame:
    pairs = parse_comment(comment)
    where = f"frame {number}"
    columns = _read_properties(path, pairs.get("properties", "species:S:1:pos:R:3"))
    key = "unwrapped" if "unwrapped" in columns else "pos"
    if key not in columns or len(columns[key]) not in (2, 3):
        raise InputError(path, f"{where} has no column 'pos' with 2 or 3 numbers")
    sides, origin = _read_lattice(path, pairs)
    width = len(columns[key])
    positions = _numbers(path, lines, columns[key], where) - origin[:width]
    if key == "pos" and "image" in columns:
        images = _numbers(path, lines, columns["image"], where)
        if images.shape != positions.shape:
            raise InputError(path, f"{where}: 'image' must have {width} columns")
        positions = apply_images(positions, images, sides[:width])
    positions = checked_positions(path, f"positions of {where}", positions)
    kept = choose_dimension(path, positions, dimension) if width == 3 else 2
    _refuse_open_faces(path, pairs, kept)
    time, step = _read_clock(path, pairs)
    order, ids = np.arange(len(positions)), None
    if "id" in columns:
        order, ids = sort_by_ids(path, where, _numbers(path, lines, columns["id"], where)[:, 0])
    return Frame(
        positions=positions[order, :kept],
        types=_species(path, lines, columns, where)[order],
        box=checked_box(path, sides[:kept], kept),
        absolute=True,
        ids=ids,
        step=step,
        time=time,
    )


def _species(
    path: Path, lines: list[str], columns: dict[str, list[int]], where: str
) -> NDArray[np.int8]:
    """Species of the first column that tells it: X stands for a type that is no element."""
    found = [key for key in _SPECIES if key in columns]
    if not found:
        raise InputError(path, f"{where} has no column 'species'")
    for key in found:
        names = _names(lines, columns[key][0])
        if np.all(names == "X"):
            continue
        if key != found[-1] and not all(_NAMED.fullmatch(name) for name in np.unique(names)):
            continue
        return species_from_names(path, names)
    raise InputError(
        path, f"{where}: all particles are of the species X", "name them A, B or by numbers"
    )


def _refuse_open_faces(path: Path, pairs: dict[str, str], dimension: int) -> None:
    """Refuse ``pbc`` that is false along one of the axes.

    Raises
    ------
    InputError : for a box that is not periodic.
    """
    flags = pairs.get("pbc", "").lower().split()
    if any(flag in ("f", "false", "0") for flag in flags[:dimension]):
        raise InputError(
            path,
            f"has a box that is not periodic (pbc={' '.join(flags)})",
            "run it in a periodic one",
        )


def _read_properties(path: Path, text: str) -> dict[str, list[int]]:
    """Name (lower case) -> columns."""
    words = text.split(":")
    columns: dict[str, list[int]] = {}
    start = 0
    try:
        for name, width in zip(words[::3], words[2::3], strict=True):
            columns[name.lower()] = list(range(start, start + int(width)))
            start += int(width)
    except ValueError:
        raise InputError(path, f"has unreadable Properties '{text}'") from None
    return columns


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
    if np.any(lattice - np.diag(np.diagonal(lattice))):
        raise InputError(path, "has a triclinic Lattice", "only orthorhombic boxes are supported")
    return np.diagonal(lattice).copy(), origin


def _read_clock(path: Path, pairs: dict[str, str]) -> tuple[float | None, int | None]:
    """Time and step, None where the frame does not tell."""
    try:
        time = float(pairs["time"]) if "time" in pairs else None
        step = int(pairs["step"]) if "step" in pairs else None
    except ValueError as error:
        raise InputError(path, f"has an unreadable time or step ({error})") from None
    return time, step


def _numbers(path: Path, lines: list[str], columns: list[int], where: str) -> FloatArray:
    try:
        return np.loadtxt(lines, usecols=columns, comments=None, ndmin=2)
    except (ValueError, IndexError) as error:
        raise InputError(path, f"{where}: {error}", "the file may be truncated") from None


def _names(lines: list[str], column: int) -> NDArray[np.str_]:
    return np.loadtxt(lines, usecols=column, dtype=_LONGEST_NAME, comments=None, ndmin=1)


def _is_xyz(head: Head) -> bool:
    return head.lines[:1] != [] and head.lines[0].strip().isdecimal()


FORMAT = Format(
    name="extxyz",
    description="extended XYZ",
    suffixes=(".xyz", ".extxyz"),
    detect=_is_xyz,
    options=TRAJECTORY_OPTIONS,
    frames=iterate_xyz,
)
