"""Npz files with one snapshot: our own configurations, published ones, arrays of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.checks import assemble, checked_frame, checked_positions
from glasscast.datasets.formats.format import Format
from glasscast.datasets.formats.listing import parse_name
from glasscast.datasets.published import EQUILIBRIUM_KEYS, published_box
from glasscast.datasets.state_points import StatePoint, resolve
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.box import FloatArray

_POSITIONS = ("initial_positions", "positions")


def read_npz_snapshot(path: Path, name: str, density: float | None = None) -> Configuration:
    """Read an npz with positions, types and, if need be, a box.

    Takes our own configurations whole; of any other file ``initial_positions`` or two-dimensional
    ``positions``, ``types`` (the lowest of 0 and 1 is A) and ``box``.

    Parameters
    ----------
    name : of the configuration, unless the file or its published name tell another.
    density : number density of a cubic or square box, for files without one.

    Raises
    ------
    InputError : if positions, types or box are missing or damaged.
    """
    optional = ("box", "name", "metadata", *EQUILIBRIUM_KEYS.values())
    arrays = read_npz(path, ("types",), only=("types", *_POSITIONS, *optional))
    if {"name", "metadata", "box"} <= arrays.keys():
        return read_configuration(path)
    source = next((k for k in _POSITIONS if k in arrays), None)
    if source is None:
        raise InputError(path, "lacks the key 'initial_positions' or 'positions'")
    published = parse_name(path)
    metadata: dict[str, Any] = {"source": [path.name]}
    types = arrays["types"]
    shape = arrays[source].shape
    if len(shape) != 2 or shape[1] not in (2, 3) or 0 in (shape[0], types.size):
        raise InputError(path, f"'{source}' must have shape (N, 2 or 3), got {shape}")
    if published is not None:
        liquid = "ka" if shape[1] == 3 else "ka2d"
        metadata |= {"liquid": liquid, "temperature": published.temperature}
    return assemble(
        name=published.configuration if published else name,
        sources=[path],
        parent=checked_frame(
            path,
            arrays[source],
            types,
            arrays["box"] if "box" in arrays else _box_without_key(path, shape, density),
            first_species=int(types.dtype.kind in "iu" and types.min() > 0),
            position_key=source,
        ),
        position_key=source,
        labels={
            field: checked_positions(path, key, arrays[key], shape)
            for field, key in EQUILIBRIUM_KEYS.items()
            if key in arrays
        },
        metadata=metadata,
    ).snapshot()


def _box_without_key(path: Path, shape: Sequence[int], density: float | None) -> FloatArray:
    size, dimension = shape
    if parse_name(path) is not None:
        box = published_box(size, dimension)
        told = float(size / np.prod(box))
        try:
            resolve(StatePoint(density=(told, told)), StatePoint.stated(density=density))
        except SettingsError as error:
            raise InputError(path, str(error), parameter=error.parameter) from None
        return box
    if density is None:
        raise InputError(
            path,
            "lacks the key 'box'",
            "add it, or give the number density of a cubic or square box",
            "density",
        )
    return np.full(dimension, (size / density) ** (1 / dimension))


FORMAT = Format(
    name="npz",
    description="npz with positions, types and box; glasscast's own files",
    suffixes=(".npz",),
    detect=lambda head: bool(head.keys & set(_POSITIONS)),
    snapshot=read_npz_snapshot,
)
