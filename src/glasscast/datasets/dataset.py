"""A dataset: a folder with ``dataset.json`` and one npz a configuration, opened lazily."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from glasscast.datasets.common import Common, joined
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.entries import ALTERED, MANIFEST, Entry, read_entries, root_of
from glasscast.datasets.facts import Facts
from glasscast.datasets.files import UNREADABLE_ARCHIVE, sha256_of_file
from glasscast.datasets.manifest import Source
from glasscast.datasets.records import SINGLE_RUNS, Kind
from glasscast.datasets.scattering import by_scattering
from glasscast.datasets.splits import families
from glasscast.datasets.stages import Stages
from glasscast.datasets.times import listed
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.definition import (
    BUILT_IN,
    LiquidSettings,
    load_liquid_settings,
)

#: Name of the data set that comes with the library.
SAMPLE = "sample"


def locate(folder: Path) -> Path:
    """Return where a dataset lies; ``sample`` is the bundled one, but for a folder of that name."""
    if folder == Path(SAMPLE) and not folder.exists():
        return Path(str(files("glasscast.datasets"))) / SAMPLE
    return folder


def _why_no_manifest(folder: Path) -> tuple[str, str]:
    """Problem and remedy of a folder without ``dataset.json``."""
    finished = sum(_is_configuration_file(file) for file in sorted(folder.glob("*.npz")))
    if (folder / "inputs" / "settings.json").is_file():
        results = len(list(folder.glob("parts/*.npz")))
        return (
            f"has no {MANIFEST}: it is an unfinished simulation with {results} results so far",
            "run the same 'glasscast simulate' again to finish it; what is done is kept",
        )
    if finished or any(folder.glob(".*.partial")):
        return (
            f"has no {MANIFEST}: it is an unfinished import with {finished} configurations done "
            "so far",
            "run the same 'glasscast import' again to finish it; what is done is kept",
        )
    return f"has no {MANIFEST}", "make a dataset with 'glasscast import'"


def _is_configuration_file(path: Path) -> bool:
    """Whether a file looks like one that :class:`glasscast.datasets.writer.DatasetWriter` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"name.npy", "metadata.npy"} <= set(archive.namelist())
    except UNREADABLE_ARCHIVE:
        return False


def is_unfinished(folder: Path) -> bool:
    """Whether a folder holds nothing but configurations that wait for their ``dataset.json``."""
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return all(path.suffix == ".npz" and _is_configuration_file(path) for path in visible)


def qualified(dataset: str, parent: str) -> str:
    """Name of a parent beyond its dataset."""
    return parent if "/" in parent else f"{dataset}/{parent}"


def file_stem(name: str) -> str:
    """File name for a configuration; the names in joined datasets have a slash."""
    return name.replace("/", "__")


@dataclass(frozen=True, kw_only=True, repr=False)
class Dataset(Facts, Common, Sequence[Configuration]):
    """Configurations on disk, read one at a time and checked against their checksums.

    Parameters
    ----------
    name : shown in tables.
    entries : what it holds, in order.
    splits : name of a split -> names of its configurations.
    liquid : content of the file of a liquid of one's own, with its tables; None: built in, or not
        told.
    sources : what was understood of where it comes from; ``stages.source`` points here.
    Other parameters are those of :class:`~glasscast.datasets.common.Common`.
    """

    name: str
    entries: tuple[Entry, ...]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    liquid: Mapping[str, Any] | None = None
    sources: tuple[Source, ...] = ()

    @staticmethod
    def is_one(folder: Path) -> bool:
        """Whether this is a dataset: a folder with a ``dataset.json``, or the bundled sample."""
        return (locate(folder) / MANIFEST).exists()

    @classmethod
    def open(cls, folder: Path | str) -> Dataset:
        """Open a dataset folder; sizes are checked now, checksums when a file is read.

        Parameters
        ----------
        folder : or ``sample``, the data set that comes with the library, where nothing of that
            name lies on disk.

        Raises
        ------
        InputError : if the folder is no dataset, or a file is missing or has another size.
        """
        folder = locate(Path(folder))
        path = folder / MANIFEST
        if not folder.is_dir():
            raise InputError(folder, "is not a folder", "make one with 'glasscast import'")
        if not path.exists():
            raise InputError(folder, *_why_no_manifest(folder))
        manifest, entries = read_entries(folder)
        common = {f.name: getattr(manifest, f.name) for f in fields(Common)}
        point = manifest.state_point
        if manifest.liquid is not None and point.liquid is not None:
            if point.liquid != manifest.liquid.get("name") or point.liquid in BUILT_IN:
                raise InputError(
                    path,
                    f"holds the liquid '{manifest.liquid.get('name')}', but is of '{point.liquid}'",
                    ALTERED,
                )
            common["state_point"] = replace(point, liquid=str(path))
            entries = tuple(replace(entry, liquid=path) for entry in entries)
        return cls(
            name=manifest.name,
            entries=entries,
            splits=manifest.splits,
            liquid=manifest.liquid,
            sources=manifest.sources,
            **common,
        )

    def own_liquid(self) -> LiquidSettings | None:
        """Liquid whose content it holds; None: built in, or not told."""
        return None if self.liquid is None else load_liquid_settings(str(self.state_point.liquid))

    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what tells a dataset from others, in a few words each."""
        found = [("name", self.name), ("configurations", str(len(self)))]
        found += [(k, v) for k, v in self.told().items() if k in ("liquid", "temperature")]
        if self.times:
            found.append(self.stages.fact())
        if self.splits:
            found.append(("splits", ", ".join(f"{k} {len(v)}" for k, v in self.splits.items())))
        return found

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Configuration: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Configuration | Dataset:
        if isinstance(index, slice):
            return self.subset([entry.name for entry in self.entries[index]])
        entry = self.entries[index]
        configuration = entry.read()
        if configuration.name != entry.name:  # renamed by a join
            configuration = configuration.with_fields(name=entry.name)
        self._check_stages(configuration, entry)
        if entry.kept_times is not None:
            configuration = configuration.with_times(entry.kept_times)
        if entry.scattering is not None:
            configuration = by_scattering(configuration, entry.scattering)
        if entry.stages is not None:
            metadata = configuration.metadata.changed(stages=entry.stages)
            configuration = configuration.with_fields(metadata=metadata)
        return configuration

    def _check_stages(self, configuration: Configuration, entry: Entry) -> None:
        """Refuse a file whose rows are not what ``dataset.json`` says of them."""
        by = configuration.stages.by
        if self.times and (entry.stages or entry.scattering) is None and by != self.stages.by:
            raise InputError(
                entry.path, f"has rows by {by}, {MANIFEST} says by {self.stages.by}", ALTERED
            )

    def __iter__(self) -> Iterator[Configuration]:
        return (self[i] for i in range(len(self)))

    @property
    def names(self) -> list[str]:
        """Names of the configurations, in order."""
        return [entry.name for entry in self.entries]

    @property
    def kinds(self) -> list[Kind]:
        """Kind of each configuration, in order."""
        return [entry.kind for entry in self.entries]

    @property
    def times(self) -> list[float]:
        """Times of the labels, or values of their stages; empty where configurations differ."""
        return list(self.stages.values)

    def groups(self) -> list[str]:
        """Family of each configuration; see :func:`~glasscast.datasets.splits.families`."""
        return families(self.descent())

    def descent(self) -> list[tuple[str, str | None]]:
        """Parent, named beyond this dataset, and root of the family of each configuration."""
        return [(qualified(self.name, e.parent), root_of(e)) for e in self.entries]

    def subset(self, names: Sequence[str]) -> Dataset:
        """Return a view on some configurations, in the order given.

        Raises
        ------
        InputError : if a name is not in the dataset.
        """
        by_name = {entry.name: entry for entry in self.entries}
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InputError(self.name, f"holds no configuration '{missing[0]}'")
        return replace(self, entries=tuple(by_name[name] for name in names), splits={})

    def drawn(self, number: int, seed: int | Sequence[int] = 0) -> Dataset:
        """Return a view on so many configurations at random, in the order they have here.

        With one seed smaller choices are contained in larger ones.

        Raises
        ------
        InputError : if there are not so many.
        """
        if number > len(self):
            raise InputError(self.name, f"has {len(self)} configurations, {number} are asked for")
        order = np.random.default_rng(seed).permutation(len(self))
        chosen = sorted(order[:number].tolist())
        return self.subset([self.entries[k].name for k in chosen])

    def ensembles(self) -> Dataset:
        """Return a view without configurations whose labels are of one run or two."""
        kept = [entry.name for entry in self.entries if entry.kind not in SINGLE_RUNS]
        return self if len(kept) == len(self) else self.subset(kept)

    def reliability(self) -> dict[tuple[int, float], float]:
        """Reliability of a single run's propensity by species and time, where imports told it."""
        found: dict[tuple[int, float], float] = {}
        for source in self.sources:
            for species, shares in (source.model_extra or {}).get("reliability", {}).items():
                if species in self.species:
                    number = self.species.index(species)
                    found |= {(number, float(time)): share for time, share in shares.items()}
        return found

    def at_times(self, times: Sequence[float]) -> Dataset:
        """Return a view whose configurations carry only these times, or values of stages.

        Labels are NaN where a configuration has none there.

        Raises
        ------
        InputError : if one is not among the dataset's.
        """
        if any(entry.stages for entry in self.entries):
            raise InputError(self.name, "has numbered stages", "choose its times before")
        known = np.array(self.times or times)
        for time in times:
            if not np.isclose(known, time, rtol=1e-3, atol=0).any():
                what = "time" if self.stages.by == "time" else self.stages.quantity
                raise InputError(
                    self.name, f"has no {what} {time:g}", f"its {what}s: {listed(known)}"
                )
        entries = tuple(replace(entry, kept_times=tuple(times)) for entry in self.entries)
        return replace(self, entries=entries, stages=self._stages_at(times))

    def _stages_at(self, times: Sequence[float]) -> Stages:
        known = np.array(self.stages.values)
        if not len(known):  # joined datasets with rows of their own
            of_time = self.stages.by == "time"
            return self.stages.model_copy(update={"values": tuple(times)} if of_time else {})
        return self.stages.taken([int(np.argmin(np.abs(known - time))) for time in times])

    def at_stages(
        self, stages: Sequence[float], by: Literal["number", "tau_alpha"] = "number"
    ) -> Dataset:
        """Return a view whose times go by other numbers, or by multiples of tau_alpha.

        State points relax at rates of their own; datasets whose times are numbered alike, from
        the ballistic regime to the relaxation time, can be joined and compared.

        Raises
        ------
        InputError : unless there is one number for each time.
        """
        if len(stages) != len(self.times):
            raise InputError(
                self.name, f"has {len(self.times)} times for {len(stages)} stages of relaxation"
            )
        numbered = Stages(by=by, values=tuple(stages))
        entries = tuple(replace(entry, stages=numbered) for entry in self.entries)
        return replace(
            self, entries=entries, stages=numbered.model_copy(update={"times": self.stages.spans})
        )

    def in_tau_alpha(self) -> Dataset:
        """Return a view whose times go by multiples of the relaxation time.

        Raises
        ------
        InputError : if the rows are no times, or the relaxation time is not known.
        """
        tau = self.stages.tau_alpha
        if self.stages.by != "time" or tau is None:
            raise InputError(
                self.name,
                "has no relaxation time to count times by"
                if self.stages.by == "time"
                else f"has rows by {self.stages.by} already",
            )
        return self.at_stages([time / tau for time in self.times], "tau_alpha")

    def at_scattering(self, values: Sequence[float]) -> Dataset:
        """Return a view whose rows are stages: where F_s(q, t) of each configuration has fallen.

        Of the times that there are the nearest is taken on a log scale; a stage is not reached,
        its labels NaN, where F_s there is off by more than 0.05.

        Parameters
        ----------
        values : of F_s(q, t), between 0 and 1.

        Raises
        ------
        InputError : if the rows are no times.
        """
        if self.stages.by != "time":
            raise InputError(self.name, f"has rows by {self.stages.by} already")
        if not values or not all(0 < value < 1 for value in values):
            raise InputError(self.name, f"values of F_s(q, t) lie between 0 and 1, got {values}")
        falling = tuple(sorted(values, reverse=True))
        entries = tuple(replace(entry, scattering=falling) for entry in self.entries)
        return replace(self, entries=entries, stages=Stages(by="scattering", values=falling))

    def split(self, name: str) -> Dataset:
        """Return the configurations of a named split.

        Raises
        ------
        InputError : if there is no such split.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise InputError(self.name, f"has no split '{name}'", f"its splits: {known}")
        return self.subset(self.splits[name])

    def verify(self) -> None:
        """Check every file against its checksum, without keeping any in memory.

        Raises
        ------
        InputError : naming the first file that differs.
        """
        for entry in self.entries:
            entry = entry.current()
            if sha256_of_file(entry.path) != entry.checksum:
                raise InputError(entry.path, f"differs from the checksum in {MANIFEST}")

    @staticmethod
    def join(datasets: Sequence[Dataset]) -> Dataset:
        """Put datasets one after the other, for example to train on several temperatures.

        Names that occur twice are prefixed by their dataset's. So are parents, unless they name
        their dataset already, as those of thermal copies do. What the datasets differ in is no
        longer told.

        Raises
        ------
        InputError : if dimension, names of species, units, cutoffs of labels or the kind of
            equilibrium positions differ.
        """
        first, *others = datasets
        if not others:
            return first
        common: Common = first
        for other in others:
            try:
                _refuse_other_content(first, other)
                common = joined(common, other, (first.name, other.name))
            except ShapeError as error:
                raise InputError(other.name, f"cannot be joined: {error}") from None
        counts = Counter(name for dataset in datasets for name in dataset.names)
        entries = tuple(
            replace(
                e,
                name=f"{dataset.name}/{e.name}" if counts[e.name] > 1 else e.name,
                parent=qualified(dataset.name, e.parent),
                stored=e.stored or e.name,
            )
            for dataset in datasets
            for e in dataset.entries
        )
        held = [d.liquid for d in datasets]
        return Dataset(
            name="+".join(d.name for d in datasets),
            entries=entries,
            liquid=held[0] if all(content == held[0] for content in held) else None,
            **{f.name: getattr(common, f.name) for f in fields(Common)},
        )


def _refuse_other_content(a: Dataset, b: Dataset) -> None:
    """Refuse two liquids of one name with other interactions."""
    paths = [d.state_point.liquid for d in (a, b) if d.liquid is not None]
    if len(paths) < 2 or a.state_point.liquid_name != b.state_point.liquid_name:
        return
    mine, theirs = (load_liquid_settings(str(path)).interactions() for path in paths)
    if mine != theirs:
        raise ShapeError(
            f"both name the liquid '{a.state_point.liquid_name}', with other interactions"
        )
