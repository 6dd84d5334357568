"""Put labels of the same snapshots, from several sources, into one dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.formats.listing import list_files
from glasscast.datasets.joined_labels import (
    Preference,
    check_agreement,
    chosen_rows,
    joined_configuration,
    order_of,
)
from glasscast.datasets.labels import Labels, distinct_times, read_labels
from glasscast.datasets.manifest import Source
from glasscast.datasets.ownership import owned, place_of
from glasscast.datasets.precision import compacted
from glasscast.datasets.writer import DatasetWriter
from glasscast.errors import InputError, SettingsError, ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.progress import log, track
from glasscast.runtime import Workspace


def join_labels(
    dataset: Dataset | Path | str,
    labels: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    runs: int | None = None,
    prefer: Preference = "runs",
    compact: bool = False,
    name: str | None = None,
    workspace: Workspace | None = None,
) -> Dataset:
    """Write a dataset with all labels that are known of its snapshots.

    Snapshots are found in the further sources by their positions, whatever their order of
    particles, else by name. A time that several have is given by one of them as a whole, after a
    check that they agree within their errors; equilibrium positions that the first lacks are
    taken from the others. Splits stay.

    Parameters
    ----------
    dataset : that has the snapshots, labelled by time; its folder or opened.
    labels : dataset folders, or label-only npz files or folders of them; see
        :mod:`glasscast.datasets.labels`.
    out : dataset folder to write.
    runs : trajectories that labels are means of, where a source does not tell.
    prefer : of several sources the one with more ``runs`` gives a time, or that with more
        ``labels``.
    compact : round labels far below their error, so that files are smaller.
    name : of the dataset; that of the folder by default.

    Raises
    ------
    InputError : naming the source that cannot be read, has nothing of these snapshots, does not
        tell its number of runs, or whose labels differ from others by more than their errors.
    SettingsError : if something else than an earlier join of these lies in ``out``.
    """
    first = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    given = [labels] if isinstance(labels, str | Path) else labels
    if not given:
        raise SettingsError("there is nothing to join: name further labels", "labels")
    out, workspace = Path(out), workspace or Workspace()
    others = [_opened(Path(path), runs) for path in given]
    for each in (first, *(o.dataset for o in others if o.dataset is not None)):
        if each.stages.by != "time":
            raise InputError(each.name, f"has stages by {each.stages.by}; labels join by time")
    work = {
        "dataset": first.name if isinstance(dataset, Dataset) else place_of(dataset, out),
        "labels": [place_of(path, out) for path in given],
    }
    join = _Join(_LabelSource(first.name, runs, first), others, prefer)
    with owned(out, "join", work):
        writer = DatasetWriter(out, name)
        made = join.configurations()
        for configuration in track(workspace.progress, f"join {first.name}", made, len(first)):
            writer.add(compacted(configuration) if compact else configuration, "")
        for remark in join.remarks():
            log.info("%s: %s", first.name, remark)
        return writer.finish(first.splits, *join.sources(), liquid=first.own_liquid())


@dataclass(frozen=True)
class _Known:
    """What is known of one snapshot without its labels."""

    name: str
    positions: FloatArray | None
    size: int


@dataclass(frozen=True)
class _LabelSource:
    """A dataset, or files of labels of their own.

    Parameters
    ----------
    name : for messages.
    runs : behind labels that do not tell.
    dataset, files : one of them.
    """

    name: str
    runs: int | None
    dataset: Dataset | None = None
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.files if self.dataset is None else self.dataset)

    def read(self, index: int) -> Labels:
        """Read those of one snapshot."""
        if self.dataset is not None:
            found = Labels.of(self.dataset[index])
        else:
            found = read_labels(self.files[index])
        return found if self.runs is None else found.of_runs(self.runs)

    @cached_property
    def known(self) -> list[_Known]:
        """Each of its snapshots."""
        found = map(self.read, range(len(self)))
        return [_Known(labels.name, labels.positions, labels.size) for labels in found]

    @cached_property
    def times(self) -> list[float]:
        """Times that any of its labels have."""
        if self.dataset is not None:
            return self.dataset.times
        return distinct_times(t for i in range(len(self)) for t in self.read(i).times)

    def told(self) -> list[Source]:
        """Say what is understood of where its labels come from."""
        if self.dataset is None:
            return [Source(how="import", format="labels", name=self.name, files=len(self))]
        return list(self.dataset.sources) or [Source(how="unknown", name=self.name)]

    def source_of(self, row: int) -> int:
        """Index in :meth:`told` of what gives a row."""
        of_rows = None if self.dataset is None else self.dataset.stages.source
        return 0 if of_rows is None else of_rows[row]

    def match(self, snapshot: Configuration) -> tuple[int, NDArray[np.intp]] | None:
        """Find a snapshot by positions, or by name where there are none: index and its order."""
        same_name_first = sorted(
            range(len(self)), key=lambda i: self.known[i].name != snapshot.name
        )
        for index in same_name_first:
            known = self.known[index]
            if known.positions is not None:
                order = order_of(snapshot, known.positions)
                if order is not None:
                    return index, order
            elif (known.name, known.size) == (snapshot.name, snapshot.size):
                return index, np.arange(known.size)
        return None


def _opened(path: Path, runs: int | None) -> _LabelSource:
    if Dataset.is_one(path):
        found = Dataset.open(path)
        return _LabelSource(found.name, runs, found)
    return _LabelSource(path.name, runs, files=tuple(list_files(path, (".npz",))))


class _Join:
    """Joins configuration by configuration, and tells in the end what went where.

    Parameters
    ----------
    first : the dataset that has the snapshots.
    others : further labels.
    prefer : see :func:`join_labels`.
    """

    def __init__(
        self, first: _LabelSource, others: Sequence[_LabelSource], prefer: Preference
    ) -> None:
        self._inputs = (first, *others)
        self._prefer = prefer
        self._times = np.array(distinct_times(t for each in self._inputs for t in each.times))
        self._found = [0] * len(self._inputs)
        self._given: list[set[tuple[int, int]]] = [set() for _ in self._inputs]
        self._largest: dict[float, float] = {}

    def configurations(self) -> Iterator[Configuration]:
        """Make each configuration of the first with all labels.

        Raises
        ------
        InputError : see :func:`join_labels`.
        """
        first = self._inputs[0]
        for index in range(len(first)):
            sources = self._sources_of(first.read(index))
            try:
                rows = chosen_rows(sources, self._prefer)
                for time, ratio in check_agreement(sources, rows).items():
                    self._largest[time] = max(ratio, self._largest.get(time, 0.0))
                for row in rows:
                    place = int(np.argmin(np.abs(self._times - row.time)))
                    self._given[row.source].add((place, row.row))
                yield joined_configuration(sources, rows, self._times)
            except ShapeError as error:
                raise InputError(first.name, str(error), parameter=error.parameter) from None
        for other, found in zip(self._inputs, self._found, strict=True):
            if not found:
                raise InputError(
                    other.name,
                    f"holds labels of no snapshot of {first.name}: neither positions nor names "
                    "agree",
                )

    def _sources_of(self, own: Labels) -> dict[int, Labels]:
        assert own.snapshot is not None
        sources = {0: own}
        for number, other in enumerate(self._inputs[1:], start=1):
            match = other.match(own.snapshot)
            if match is not None:
                index, order = match
                labels = other.read(index)
                if labels.runs is None and len(labels.times):
                    raise InputError(
                        other.name,
                        f"does not tell how many runs the labels of {labels.name} are means of",
                        parameter="runs",
                    )
                sources[number] = labels.reordered(order)
        for number in sources:
            self._found[number] += 1
        return sources

    def remarks(self) -> list[str]:
        """Say in words what was compared, and what was found."""
        found = [
            f"t = {time:g}: sources agree, their difference is {ratio**0.5:.2f} of its error"
            for time, ratio in sorted(self._largest.items())
        ]
        for other, count in zip(self._inputs[1:], self._found[1:], strict=True):
            found.append(f"labels of {count} snapshots found in {other.name}")
        return found

    def sources(self) -> tuple[list[Source], list[int]]:
        """Where all comes from, and which of these gives each row.

        Rows that share a source in any configuration are of one, so that a row is never taken
        for independent of another that comes from the same trajectories.
        """
        known: list[Source] = []
        used: list[set[int]] = [set() for _ in self._times]
        for number, each in enumerate(self._inputs):
            for row, own in self._given[number]:
                used[row].add(len(known) + each.source_of(own))
            known += each.told()
        groups: list[set[int]] = []
        for together in used:
            touching = [group for group in groups if group & together]
            groups = [group for group in groups if not group & together]
            groups.append(together.union(*touching))
        record = Source(how="join", prefer=self._prefer, remarks=self.remarks())
        return [*known, record], [min(g) for u in used for g in groups if g >= u]
