"""Trajectories that a dataset keeps: ``trajectories/NAME.npz``, read only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.entries import Entry
from glasscast.datasets.files import read_npz
from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.datasets.manifest import RUNS_FORMAT, check_header
from glasscast.datasets.records import VERSION
from glasscast.datasets.times import choose_times
from glasscast.errors import InputError
from glasscast.liquid.box import minimum_image

_KEYS = ("name", "times", "displacements")


def kept_ensembles(
    dataset: Dataset, times: int | Sequence[float] | None = None
) -> Iterator[Ensemble]:
    """Read configurations with the trajectories behind their labels, one at a time.

    Parameters
    ----------
    times : to keep, as of :func:`~glasscast.datasets.times.choose_times`; all when absent.

    Raises
    ------
    InputError : if a configuration has none, or their file is damaged or of another one.
    """
    for entry in dataset.entries:
        if entry.trajectories is None:
            raise InputError(
                entry.path,
                "has no trajectories beside it",
                "simulate with 'keep_trajectories: true', or keep the runs of an import",
            )
        found = _ensemble(entry, entry.trajectories)
        if times is not None:
            found = found.at(choose_times(entry.path, found.times.tolist(), times).rows)
        yield found


def _ensemble(entry: Entry, path: Path) -> Ensemble:
    snapshot, arrays = entry.read(), read_npz(path, ("format", "version", *_KEYS))
    check_header(
        path, {key: arrays[key].item() for key in ("format", "version")}, RUNS_FORMAT, VERSION
    )
    times, moved = arrays["times"], arrays["displacements"]
    if str(arrays["name"]) != snapshot.name or moved.ndim != 4:
        raise InputError(path, f"holds no runs of '{snapshot.name}'")
    if moved.shape[1:] != (len(times), *snapshot.positions.shape):
        raise InputError(
            path,
            f"'displacements' must have shape (R, {len(times)}, {snapshot.size}, "
            f"{snapshot.dimension}), got {moved.shape}",
        )

    def frames() -> Iterator[RunFrame]:
        for run, rows in enumerate(moved):
            for row, displacement in enumerate(rows):
                yield RunFrame(row, run, snapshot.positions + displacement, path)

    told = snapshot.metadata
    metadata: dict[str, Any] = {
        "format": "glasscast",
        "source": [path.name],
        "coordinates": "absolute",
    }
    point = told.state_point
    facts: dict[str, Any] = {"species": list(told.species), "liquid": point.liquid}
    facts |= {"temperature": point.temperature, "pressure": point.pressure}
    metadata |= {key: value for key, value in facts.items() if value}
    return Ensemble(
        name=snapshot.name,
        sources=(entry.path, path),
        parent=Frame(
            positions=snapshot.positions,
            types=snapshot.types,
            box=snapshot.box,
            absolute=True,
            ids=snapshot.ids,
        ),
        times=np.asarray(times, dtype=np.float64),
        frames=frames,
        metadata=metadata,
    )


def runs_of(ensemble: Ensemble) -> NDArray[np.float32]:
    """Displacements of all runs of an ensemble, to be kept: (R, T, N, d).

    Raises
    ------
    InputError : if it has no runs, or not all of them at all times.
    """
    parent, rows = ensemble.parent, len(ensemble.times)
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    for frame in ensemble.frames() if rows else ():
        moved = frame.positions - parent.positions
        moved = minimum_image(moved, parent.box) if ensemble.wrapped else moved
        found[frame.run, frame.row] = moved.astype(np.float32)
    numbers = sorted({run for run, _ in found})
    if not found or len(found) != len(numbers) * rows:
        raise InputError(
            ensemble.sources[0],
            "has no runs that reach all of its times, so none can be kept",
            parameter="keep_runs",
        )
    return np.array([[found[run, row] for row in range(rows)] for run in numbers])
