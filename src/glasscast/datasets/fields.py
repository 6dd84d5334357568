"""The arrays of a configuration: shape, unit and meaning of each, and what every one must obey."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasscast.errors import ShapeError


class FieldSpec(NamedTuple):
    """What an array of a configuration is.

    Parameters
    ----------
    shape : in symbols: N particles, d dimension, T times, E pairs; a leading 2 is a literal.
    dtype : of the file and in memory.
    unit : in reduced Lennard-Jones units.
    meaning : in a few words; docs/data.md shows this table.
    """

    shape: tuple[str | int, ...]
    dtype: type[np.generic]
    unit: str
    meaning: str

    @property
    def in_rows(self) -> bool:
        """Whether it has a row for each time."""
        return "T" in self.shape


def _row(unit: str, meaning: str, *shape: str | int) -> FieldSpec:
    return FieldSpec(shape or ("T", "N"), np.float32, unit, meaning)


#: Array fields by name: the one place where they are declared.
FIELDS: dict[str, FieldSpec] = {
    "positions": FieldSpec(("N", "d"), np.float64, "sigma", "where the particles are, in [0, L)"),
    "types": FieldSpec(("N",), np.int8, "", "species, 0 = A, 1 = B, ..."),
    "box": FieldSpec(("d",), np.float64, "sigma", "sides of the periodic orthorhombic box"),
    "ids": FieldSpec(("N",), np.int64, "", "the source's numbers of the particles, ascending"),
    "inherent": FieldSpec(("N", "d"), np.float64, "sigma", "nearest minimum of the energy"),
    "cage": FieldSpec(("N", "d"), np.float64, "sigma", "mean position in the cage"),
    "times": FieldSpec(("T",), np.float64, "time", "of the rows of labels; NaN: stage not reached"),
    "runs": FieldSpec(("T",), np.int32, "", "trajectories behind the labels of each row"),
    "propensity": _row("sigma", "mean length of the displacement"),
    "propensity_halves": _row("sigma", "the same over even and odd trajectories", 2, "T", "N"),
    "tendency": _row("sigma", "mean displacement", "T", "N", "d"),
    "bonds": FieldSpec((2, "E"), np.int32, "", "pairs i < j closer than 2.0 at t = 0"),
    "bond_change": _row("sigma", "mean change of the distance of a pair", "T", "E"),
    "bond_change_halves": _row("sigma", "the same over even and odd runs", 2, "T", "E"),
    "bond_breaking": _row("", "mean share of first neighbours kept"),
    "neighbour_relative": _row("sigma", "R_i: displacement relative to the neighbours"),
    "nonaffine": _row("sigma", "D_i: displacement beyond the best local strain"),
}
#: The fields that hold a label: finite throughout a row, or NaN throughout where there is none.
LABELS = tuple(key for key, spec in FIELDS.items() if spec.in_rows and key not in ("times", "runs"))
#: Arrays of add-ins begin with this; they are carried along and never needed.
ADDED = "x_"
#: The fields that carry one value a particle and time, in the order they are reported.
TARGETS = ("propensity", "bond_breaking", "neighbour_relative", "nonaffine")
REQUIRED = ("positions", "types", "box")
#: Equilibrium positions, by minimisation and in the cage.
EQUILIBRIUM_POSITIONS: tuple[Literal["inherent", "cage"], ...] = ("inherent", "cage")
POSITIONS = ("positions", *EQUILIBRIUM_POSITIONS)


def checked_array(key: str, value: Any, spec: FieldSpec, sizes: dict[str, int]) -> NDArray[Any]:
    """Check one array against its declared shape and return it read-only.

    Parameters
    ----------
    sizes : of the symbols, from earlier fields; those of this one are added.

    Raises
    ------
    ShapeError : naming the field.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ShapeError(f"'{key}' must hold numbers, got dtype {array.dtype}")
    wanted = f"({', '.join(map(str, spec.shape))})"
    if array.ndim != len(spec.shape):
        raise ShapeError(f"'{key}' must have shape {wanted}, got {array.shape}")
    for symbol, got in zip(spec.shape, array.shape, strict=True):
        want = symbol if isinstance(symbol, int) else sizes.setdefault(symbol, got)
        if want != got:
            raise ShapeError(
                f"'{key}' must have shape {wanted} with {symbol} = {want}, got {array.shape}"
            )
    if np.issubdtype(spec.dtype, np.integer) and array.dtype.kind == "f":
        raise ShapeError(f"'{key}' must hold integers, got dtype {array.dtype}")
    _check_finite(key, array, spec.shape)
    cast = np.ascontiguousarray(array, dtype=spec.dtype)
    if np.issubdtype(spec.dtype, np.integer) and not np.array_equal(cast, array):
        raise ShapeError(f"'{key}' holds values that do not fit {np.dtype(spec.dtype)}")
    view = cast.view()
    view.flags.writeable = False
    return view


def _check_finite(key: str, array: NDArray[Any], shape: tuple[str | int, ...]) -> None:
    """Refuse numbers that are not finite, but for rows of a label that are NaN throughout."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    if key == "times":  # a stage that was not reached
        bad &= ~np.isnan(array)
    if key in LABELS:
        axes = tuple(axis for axis, symbol in enumerate(shape) if symbol != "T")
        absent = np.isnan(array).all(axis=axes, keepdims=True)
        if absent.all():
            raise ShapeError(f"'{key}' has no row with values; leave it out")
        bad &= ~absent
    if bad.any():
        raise ShapeError(f"'{key}' is not finite at index {np.argwhere(bad)[0].tolist()}")


def finite_rows(label: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each row in time of a label has values: (T,)."""
    axes = tuple(axis for axis, symbol in enumerate(FIELDS[label].shape) if symbol != "T")
    found: NDArray[np.bool_] = ~np.isnan(values).any(axis=axes)
    return found
