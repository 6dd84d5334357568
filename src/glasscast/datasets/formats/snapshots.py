"""Bare snapshots for prediction: configurations out of whatever file holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.configuration_file import read_configuration
from glasscast.datasets.ensemble import Ensemble
from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.checks import assemble, checked_positions
from glasscast.datasets.formats.listing import name_below, parse_name, split_of
from glasscast.datasets.formats.stored_frame import FrameReader
from glasscast.datasets.published import EQUILIBRIUM_KEYS, published_box
from glasscast.errors import InputError, SettingsError, ShapeError
from glasscast.liquid.box import FloatArray, wrap

_POSITIONS = ("initial_positions", "positions")


def configuration_of(ensemble: Ensemble) -> Configuration:
    """Take the parent of an ensemble, folded into its box, with its equilibrium positions.

    Raises
    ------
    InputError : if it breaks the contract of Configuration.
    """
    equilibrium = {
        key: wrap(ensemble.labels[key], ensemble.box)
        for key in EQUILIBRIUM_KEYS
        if key in ensemble.labels
    }
    try:
        return Configuration(
            name=ensemble.name,
            positions=wrap(ensemble.positions, ensemble.box),
            types=ensemble.types.astype(np.int8),
            box=ensemble.box,
            metadata=ensemble.metadata,
            inherent=equilibrium.get("inherent"),
            cage=equilibrium.get("cage"),
        )
    except ShapeError as error:
        raise InputError(ensemble.sources[0], str(error)) from None


def frames_as_configurations(
    path: Path, root: Path, reader: FrameReader, dimension: int | None
) -> Iterator[Configuration]:
    """Every frame of a file as a configuration, numbered if there are several."""
    frames = list(reader(path, dimension))
    if not frames:
        raise InputError(path, "holds no frame")
    for number, frame in enumerate(frames):
        name = name_below(path, root)
        yield configuration_of(
            assemble(
                name=name if len(frames) == 1 else f"{name}-{number}",
                sources=[path],
                positions=frame.positions,
                position_key="positions",
                types=frame.types,
                box=frame.box,
                metadata={"source": [path.name]},
            )
        )


def npz_as_configuration(path: Path, root: Path, density: float | None) -> Configuration:
    """Read an npz with positions, types and, if need be, a box.

    Takes our own configurations whole; of any other file ``initial_positions`` or two-dimensional
    ``positions``, ``types`` (the lowest of 0 and 1 is A) and ``box``.

    Parameters
    ----------
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
    metadata: dict[str, Any] = {"source": [path.name]} | split_of(path)
    types = arrays["types"]
    shape = arrays[source].shape
    if len(shape) != 2 or shape[1] not in (2, 3) or types.size == 0:
        raise InputError(path, f"'{source}' must have shape (N, 2 or 3), got {shape}")
    if published is not None:
        liquid = "ka" if shape[1] == 3 else "ka2d"
        metadata |= {"liquid": liquid, "temperature": published.temperature}
    return configuration_of(
        assemble(
            name=published.configuration if published else name_below(path, root),
            sources=[path],
            positions=arrays[source],
            position_key=source,
            types=types,
            first_species=int(types.dtype.kind in "iu" and types.min() > 0),
            box=arrays["box"] if "box" in arrays else _box_without_key(path, shape, density),
            labels={
                field: checked_positions(path, key, arrays[key], shape)
                for field, key in EQUILIBRIUM_KEYS.items()
                if key in arrays
            },
            metadata=metadata,
        )
    )


def _box_without_key(path: Path, shape: Iterable[int], density: float | None) -> FloatArray:
    size, dimension = shape
    if density is not None:
        if not density > 0:
            raise SettingsError(f"the number density must be positive, got {density}")
        return np.full(dimension, (size / density) ** (1 / dimension))
    if parse_name(path) is None:
        raise InputError(
            path, "lacks the key 'box'", "add it, or pass --density for a cubic or square box"
        )
    return published_box(size, dimension)
