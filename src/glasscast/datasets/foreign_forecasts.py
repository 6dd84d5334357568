"""Forecasts that others made of snapshots, to be scored beside ours.

*GlassBench* test files (``N4096T0.44_401.npz``, without ``times``) hold, beside the labels, what
other models and structural fields say of species A: ``BOTAN``, ``CAGE``, ``GlassMLP``, ``SE3``,
``DEN``, ... of shape (T, N_A), a row a tag, or (N_A,) for all times alike. *Label-only* files with
``times`` hold forecasts of one model, called by the name of its folder: ``md_prop`` or any other
target of a model; see :mod:`glasscast.datasets.labels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import TARGETS
from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.checks import checked_positions
from glasscast.datasets.formats.listing import list_files, parse_name
from glasscast.datasets.joined_labels import order_of
from glasscast.datasets.labels import PUBLIC_NAMES, read_labels
from glasscast.datasets.published import EQUILIBRIUM_KEYS, times_of_tags
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

#: Keys of GlassBench files that are no forecasts.
_NO_FORECASTS: Final = {
    *("types", "box", "positions", "initial_positions"),
    *EQUILIBRIUM_KEYS.values(),
    *PUBLIC_NAMES.values(),
}
_LONGEST_NAME = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignForecast:
    """What one model of others says of a snapshot.

    Parameters
    ----------
    model : name.
    target : field of Configuration that it forecasts.
    times : (T,)
    values : (T, N) float32; NaN for particles that it leaves out.
    """

    model: str
    target: str
    times: FloatArray
    values: NDArray[np.float32]


@dataclass(frozen=True)
class _File:
    """One file of forecasts of one snapshot.

    Parameters
    ----------
    name : of the snapshot.
    positions : (N, d) of the snapshot; None: not told.
    """

    path: Path
    name: str
    positions: FloatArray | None


@dataclass(frozen=True)
class ForeignForecasts:
    """Forecasts in files, found by the positions of a snapshot, else by its name.

    Parameters
    ----------
    sources : npz files, or folders of them.
    """

    sources: Sequence[Path]

    @cached_property
    def _files(self) -> list[_File]:
        return [_opened(f) for source in self.sources for f in list_files(source, (".npz",))]

    def of(self, snapshot: Configuration) -> list[ForeignForecast]:
        """Find the forecasts of a snapshot, its particles in order; empty if there are none.

        Raises
        ------
        InputError : naming file and key, for what cannot be a forecast of it.
        """
        found: list[ForeignForecast] = []
        for file in self._files:
            order = _order(file, snapshot)
            if order is not None:
                found += _forecasts(file, snapshot, order)
        return found


def _opened(path: Path) -> _File:
    published = parse_name(path)
    name = path.stem if published is None else published.configuration
    keys = ("initial_positions", "positions")
    arrays = read_npz(path, only=keys)
    given = next((key for key in keys if key in arrays), None)
    positions = None if given is None else checked_positions(path, given, arrays[given])
    return _File(path, name, positions)


def _order(file: _File, snapshot: Configuration) -> NDArray[np.intp] | None:
    """Row in a file of each particle of a snapshot; None if it is of another."""
    if file.positions is not None:
        return order_of(snapshot, file.positions)
    return np.arange(snapshot.size) if file.name == snapshot.name else None


def _forecasts(
    file: _File, snapshot: Configuration, order: NDArray[np.intp]
) -> list[ForeignForecast]:
    arrays = read_npz(file.path)
    if "times" in arrays:
        return _labels(file.path, snapshot, order)
    return _glassbench(file.path, arrays, snapshot, order)


def _labels(path: Path, snapshot: Configuration, order: NDArray[np.intp]) -> list[ForeignForecast]:
    """Forecasts of one model, laid down as labels are."""
    labels = read_labels(path)
    if labels.size != snapshot.size:
        raise InputError(
            path, f"forecasts {labels.size} particles, {snapshot.name} has {snapshot.size}"
        )
    found = [
        ForeignForecast(
            model=path.parent.resolve().name,
            target=target,
            times=labels.times,
            values=np.asarray(labels.fields[target][:, order], dtype=np.float32),
        )
        for target in TARGETS
        if target in labels.fields
    ]
    if not found:
        raise InputError(path, f"holds no forecast of {', '.join(TARGETS)}")
    return found


def _glassbench(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    snapshot: Configuration,
    order: NDArray[np.intp],
) -> list[ForeignForecast]:
    """Forecasts of several models of one target, the propensity, a row a tag."""
    published = parse_name(path)
    if published is None:
        raise InputError(
            path,
            "tells neither 'times' nor, by its name, which published times its rows are",
            "add the times of the rows under 'times'",
        )
    liquid = "ka" if snapshot.dimension == 3 else "ka2d"
    times = np.array(list(times_of_tags(path, liquid, published.temperature).values()))
    # Forecasts are in the order of the file, of all particles or of species A alone.
    places = np.argsort(order)
    mine = places[snapshot.types[places] == snapshot.types.min()]
    found = []
    for key in sorted(set(arrays) - _NO_FORECASTS):
        rows = _rows(arrays[key], len(times), {snapshot.size, len(mine)})
        if rows is None:
            continue
        values = np.full((len(times), snapshot.size), np.nan, dtype=np.float32)
        values[:, mine if rows.shape[1] == len(mine) else places] = rows
        model = f"{key[:_LONGEST_NAME]} [GlassBench]"
        found.append(ForeignForecast(model=model, target="propensity", times=times, values=values))
    return found


def _rows(array: NDArray[Any], times: int, sizes: set[int]) -> NDArray[Any] | None:
    """Return an array of a key as (T, particles); None if it is no forecast."""
    if array.dtype.kind != "f":
        return None
    if array.ndim == 1 and len(array) in sizes:
        return np.broadcast_to(array, (times, len(array)))
    if array.ndim != 2:
        return None
    if array.shape[0] == times and array.shape[1] in sizes:
        return array
    return array.T if array.shape[1] == times and array.shape[0] in sizes else None
