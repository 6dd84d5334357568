"""DeepMind files: pickles of Kob-Andersen configurations with 10 times and 30 trajectories.

Keys: ``positions`` (N, 3), ``types`` (N,) 0 = A, 1 = B, ``box`` (3,), ``time`` (log-spaced),
``time_indices`` (10) into it, ``trajectory_target_positions`` [10][30] of (N, 3) followed across
the faces, ``metadata``. The ten times are where the scattering function of this configuration
falls through ``is_values``, 0.9 ... 0.1 and, last, 1/e: they differ between configurations and are
not in order. So rows go by these values, each configuration with its own times; two may share one.
Bapst et al., Nat. Phys. 16, 448 (2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.formats.checks import assemble, checked_frame
from glasscast.datasets.formats.format import Format, ReadOptions
from glasscast.datasets.formats.listing import list_files, name_below
from glasscast.datasets.formats.pickles import as_array, read_pickle
from glasscast.datasets.frames import Ensemble, RunFrame, StageRows
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

_KEYS = ("positions", "types", "box", "time", "time_indices", "trajectory_target_positions")
_SUFFIXES = (".pickle", ".pkl")


def read_deepmind(path: Path, options: ReadOptions) -> Iterator[Ensemble]:
    """Read DeepMind pickles, one ensemble a file.

    Parameters
    ----------
    path : a file, or a folder searched to its depth.
    options : ``wrapped``.

    Raises
    ------
    InputError : naming file, key and mend; also for a pickle that asks to run anything.
    """
    for file in list_files(path, _SUFFIXES):
        yield read_one(file, name_below(file, path), bool(options.wrapped))


def read_one(file: Path, name: str, wrapped: bool = False) -> Ensemble:
    """Read one pickle under a given name.

    Raises
    ------
    InputError : as :func:`read_deepmind`.
    """
    record = _read_record(file)
    times, rows = _crossing_times(file, record)
    made = assemble(
        name=name,
        sources=[file],
        parent=checked_frame(
            file,
            _array(file, record, "positions"),
            _array(file, record, "types"),
            _array(file, record, "box"),
            position_key="positions",
        ),
        times=times,
        frames=_FrameStream(file, rows),
        wrapped=wrapped,
        metadata={"liquid": "ka-cut", "format": "deepmind", "source": [file.name]} | _state(record),
    )
    stages = _stages(file, record, np.array(times))
    return made if stages is None else replace(made, stages=stages)


class _FrameStream:
    """Reads the file again for every pass, so that an idle ensemble holds no trajectory."""

    def __init__(self, file: Path, rows: dict[int, int]) -> None:
        self._file, self._rows = file, rows

    def __call__(self) -> Iterator[RunFrame]:
        """Yield the frames, time by time.

        Raises
        ------
        InputError : if a time has no trajectory or a trajectory is no array.
        """
        key = "trajectory_target_positions"
        targets = _read_record(self._file)[key]
        for row, stored in self._rows.items():
            try:
                runs = _unfolded(_unfolded(targets)[stored])
                if len(runs) == 0:
                    raise ValueError("holds no trajectory")
                for run, frame in enumerate(runs):
                    yield RunFrame(row, run, as_array(frame), self._file)
            except (ValueError, TypeError, IndexError) as error:
                raise InputError(self._file, f"'{key}' [{stored}]: {error}") from None


def _unfolded(value: Any) -> Any:
    """Keep a list as it is, so that only one of its arrays is made at a time."""
    return value if isinstance(value, list | tuple) else as_array(value)


def _read_record(file: Path) -> dict[str, Any]:
    record = read_pickle(file)
    if not isinstance(record, dict):
        raise InputError(file, f"holds a {type(record).__name__}, not a dict of arrays")
    for key in _KEYS:
        if key not in record:
            raise InputError(
                file, f"lacks the key '{key}'", f"it holds {', '.join(sorted(map(str, record)))}"
            )
    return record


def _array(file: Path, record: dict[str, Any], key: str) -> np.ndarray:
    try:
        return as_array(record[key])
    except ValueError as error:
        raise InputError(file, f"'{key}': {error}") from None


def _crossing_times(file: Path, record: dict[str, Any]) -> tuple[list[float], dict[int, int]]:
    """Find times, ascending without repeats, and row -> index in the file."""
    clock, indices = _array(file, record, "time"), _array(file, record, "time_indices")
    if clock.ndim != 1 or clock.dtype.kind not in "fiu":
        raise InputError(file, f"'time' must be a list of numbers, got {clock.shape}")
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or len(indices) == 0:
        raise InputError(file, f"'time_indices' must be a list of integers, got {indices.dtype}")
    if indices.min() < 0 or indices.max() >= len(clock):
        raise InputError(
            file, f"'time_indices' {indices.tolist()} point past the {len(clock)} entries of 'time'"
        )
    targets = record["trajectory_target_positions"]
    stored = targets if isinstance(targets, list | tuple) else _array(file, record, _KEYS[-1])
    if isinstance(stored, np.ndarray) and stored.ndim == 0:
        raise InputError(file, "'trajectory_target_positions' is a single number")
    if len(stored) != len(indices):
        raise InputError(
            file,
            f"'trajectory_target_positions' has {len(stored)} times, "
            f"'time_indices' has {len(indices)}",
        )
    times, first = np.unique(clock[indices], return_index=True)
    return times.tolist(), {row: int(k) for row, k in enumerate(first)}


def _stages(file: Path, record: dict[str, Any], times: FloatArray) -> StageRows | None:
    """Rows by the values of the scattering function, where the file has these."""
    if "is_values" not in record:
        return None
    values = _array(file, record, "is_values")
    clock, indices = _array(file, record, "time"), _array(file, record, "time_indices")
    if values.shape != indices.shape or values.dtype.kind != "f":
        raise InputError(
            file, f"'is_values' must be {len(indices)} numbers, one for each of 'time_indices'"
        )
    own = clock[indices]
    falling = np.argsort(-values, kind="stable")
    if np.any(np.diff(values[falling]) >= 0) or np.any(np.diff(own[falling]) < 0):
        raise InputError(file, "'is_values' must differ, and fall with time")
    at_tau = np.isclose(values, np.exp(-1), rtol=1e-3)
    tau = float(own[at_tau][0]) if at_tau.any() else None
    stages = Stages(
        by="scattering",
        values=tuple(values[falling].tolist()),
        q_from="first peak of S(q)",
        tau_alpha=tau,
        tau_from=None if tau is None else "1/e",
    )
    return StageRows(stages, tuple(int(k) for k in np.searchsorted(times, own[falling])))


def _state(record: dict[str, Any]) -> dict[str, float]:
    metadata = record.get("metadata")
    if not isinstance(metadata, dict):
        return {}
    return {
        key: float(metadata[key])
        for key in ("temperature", "pressure")
        if isinstance(metadata.get(key), int | float)
    }


def _read_snapshot(file: Path, name: str, density: float | None) -> Configuration:
    """Read the parent alone; its file tells the box."""
    return read_one(file, name).snapshot()


FORMAT = Format(
    name="deepmind",
    description="DeepMind pickles (Bapst et al.)",
    suffixes=_SUFFIXES,
    detect=lambda head: head.suffix in _SUFFIXES,
    options=("wrapped",),
    ensembles=read_deepmind,
    snapshot=_read_snapshot,
)
