"""Labels of a snapshot without its future: rows in time, from a dataset or a label-only npz.

Label-only npz files hold ``md_prop`` (T, N) propensity, ``bb_prop`` (T, N) share of neighbours
kept, ``tendency`` (T, N, d) mean displacement, ``halves`` (2, T, N) propensity over two halves of
the runs, or any label by the name of its field; ``times`` (T,), and where they are known ``runs``
((T,) or a number), ``positions`` or ``initial_positions`` (N, d) of the snapshot and ``ids``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import FIELDS, LABELS, checked_array, finite_rows
from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.listing import parse_name
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.box import FloatArray

#: Field -> what public files call it.
PUBLIC_NAMES: Final = {
    "propensity": "md_prop",
    "bond_breaking": "bb_prop",
    "propensity_halves": "halves",
}
_POSITIONS = ("positions", "initial_positions")
#: What belongs to pairs says nothing without them.
_OF_PARTICLES = tuple(key for key in LABELS if "E" not in FIELDS[key].shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Rows of labels of one snapshot.

    Parameters
    ----------
    name : of the snapshot.
    times : (T,) of the rows.
    runs : (T,) trajectories behind each row; None: not told.
    fields : label -> values, rows by time; of pairs with ``bonds``.
    positions : (N, d) of the snapshot, folded or not; None: not told.
    snapshot : where all of it is known.
    """

    name: str
    times: FloatArray
    runs: NDArray[np.int32] | None
    fields: Mapping[str, NDArray[Any]]
    positions: FloatArray | None = None
    snapshot: Configuration | None = None

    @classmethod
    def of(cls, configuration: Configuration) -> Labels:
        """Take those of a configuration."""
        arrays = dict(configuration.arrays())
        return cls(
            name=configuration.name,
            times=configuration.times,
            runs=configuration.runs,
            fields={key: arrays[key] for key in LABELS if key in arrays},
            positions=configuration.positions,
            snapshot=configuration,
        )

    @property
    def size(self) -> int:
        """Number of particles."""
        if self.positions is not None:
            return len(self.positions)
        key, values = next(iter(self.fields.items()))
        return int(values.shape[FIELDS[key].shape.index("N")])

    def of_runs(self, runs: int) -> Labels:
        """Return them, means of so many trajectories where they do not tell."""
        if self.runs is not None:
            return self
        return replace(self, runs=np.full(len(self.times), runs, dtype=np.int32))

    def known(self, row: int) -> list[str]:
        """Labels that have values in a row."""
        return [key for key, value in self.fields.items() if finite_rows(key, value)[row]]

    def reordered(self, order: NDArray[np.intp]) -> Labels:
        """Return them with the particles in another order: row i is the row ``order[i]`` of now."""
        if np.array_equal(order, np.arange(len(order))):
            return self
        if self.snapshot is not None:
            return replace(Labels.of(self.snapshot.reordered(order)), runs=self.runs)
        axes = {key: FIELDS[key].shape.index("N") for key in self.fields}
        fields = {k: np.take(v, order, axis=axes[k]) for k, v in self.fields.items()}
        positions = None if self.positions is None else self.positions[order]
        return replace(self, fields=fields, positions=positions)

    def row_of(self, time: float) -> int | None:
        """Row of a time to one part in a thousand; None if it is not here."""
        close = np.flatnonzero(np.isclose(self.times, time, rtol=1e-3, atol=0))
        return int(close[0]) if len(close) else None


def read_labels(path: Path) -> Labels:
    """Read a label-only npz; its name is that of the file, without what public sets add to it.

    Raises
    ------
    InputError : naming file and key, if there is no label in it or it breaks the contract.
    """
    arrays = read_npz(path, required=["times"])
    sizes: dict[str, int] = {}
    try:
        times = checked_array("times", arrays["times"], FIELDS["times"], sizes)
        fields = {}
        for key in _OF_PARTICLES:
            called = key if key in arrays else PUBLIC_NAMES.get(key, key)
            if called in arrays:
                fields[key] = checked_array(key, arrays[called], FIELDS[key], sizes)
        if not fields:
            raise ShapeError(f"holds no label; it holds {', '.join(sorted(arrays))}")
        runs = arrays.get("runs")
        if runs is not None:
            runs = checked_array("runs", np.broadcast_to(runs, times.shape), FIELDS["runs"], sizes)
        positions = next((arrays[key] for key in _POSITIONS if key in arrays), None)
        if positions is not None:
            positions = checked_array("positions", positions, FIELDS["positions"], sizes)
    except (ShapeError, ValueError) as error:
        raise InputError(path, str(error)) from None
    published = parse_name(path)
    name = path.stem if published is None else published.configuration
    return Labels(name=name, times=times, runs=runs, fields=fields, positions=positions)


def distinct_times(times: Iterable[float]) -> list[float]:
    """Return times in order, once where they agree to one part in a thousand."""
    found: list[float] = []
    for time in sorted(map(float, times)):
        if not found or not np.isclose(time, found[-1], rtol=1e-3, atol=0):
            found.append(time)
    return found
