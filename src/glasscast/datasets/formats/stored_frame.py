"""One frame as a trajectory file stores it, whichever file that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray


@dataclass(frozen=True, kw_only=True)
class StoredFrame:
    """A frame, its box and its clock.

    Parameters
    ----------
    positions : (N, d) from the lower corner of the box, in sigma.
    types : (N,) species from 0, in the same order in all frames of a file.
    box : (d,) sides.
    absolute : whether the file follows particles across the faces (unwrapped coordinates or
        image flags); False for coordinates folded into the box.
    step : number of the integration step, if the file tells.
    time : in LJ units, if the file tells.
    """

    positions: FloatArray
    types: NDArray[np.int8]
    box: FloatArray
    absolute: bool
    step: int | None = None
    time: float | None = None

    def clock(self, timestep: float | None) -> float | None:
        """Time of the frame: its own, or step times ``timestep``; None if unknown."""
        if self.time is not None:
            return self.time
        if self.step is not None and timestep is not None:
            return self.step * timestep
        return None


#: Reads all frames of a file; the second argument is the dimension or None.
FrameReader = Callable[[Path, int | None], Iterator[StoredFrame]]


def choose_dimension(path: Path, positions: FloatArray, dimension: int | None) -> int:
    """Dimension of three-column positions.

    Flat systems are stored with a z that all particles share. Two or more particles of a
    three-dimensional liquid never share it exactly.

    Parameters
    ----------
    positions : (N, 3).
    dimension : 2 or 3 to decide by hand, None to look.

    Raises
    ------
    InputError : if ``dimension`` is 2 and the particles have different z.
    """
    flat = bool(np.all(positions[:, 2] == positions[0, 2]))
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
    if numbers.max() > 127:
        raise InputError(path, f"has the species number {numbers.max()}")
    return numbers[where.reshape(-1)].astype(np.int8)


def apply_images(positions: FloatArray, images: FloatArray, box: FloatArray) -> FloatArray:
    """Absolute positions from folded ones and the counts of box sides passed."""
    return positions + np.round(images) * box
