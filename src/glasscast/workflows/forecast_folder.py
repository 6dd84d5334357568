"""A folder of forecasts: which file each snapshot gets, told apart before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset, file_stem
from glasscast.datasets.ownership import owned, place_of
from glasscast.errors import SettingsError
from glasscast.models.base import Model
from glasscast.workflows.forecast import Forecast, Forecasts

#: What snapshots come from.
Source = Path | Configuration | Dataset


@dataclass(frozen=True)
class ForecastFiles:
    """What is written of forecasts.

    Parameters
    ----------
    formats : endings of the files: ``xyz``, ``gsd``, ``csv``, ``parquet``, ``npz``, ``json``
        (chemiscope).
    joined : write all snapshots of a trajectory or dataset into one file, a frame each.
    species : names to write instead of those of the liquid, such as ``("Ni", "P")``.
    report : write ``report.html`` as well.
    """

    formats: Sequence[str] = ("xyz",)
    joined: bool = False
    species: Sequence[str] | None = None
    report: bool = False


@dataclass(frozen=True)
class ForecastFolder:
    """Writes forecasts as they are made.

    Parameters
    ----------
    folder : to write into.
    stems : of the file names, by source and snapshot; one a source where they are joined.
    files : what is written.
    """

    folder: Path
    stems: Sequence[Sequence[str]]
    files: ForecastFiles

    def add(self, source: int, snapshot: int, forecast: Forecast) -> None:
        """Write the forecast of one snapshot, unless they are joined."""
        if not self.files.joined:
            for path in self._paths(source, snapshot):
                forecast.write(path, self.files.species)

    def close(self, source: int, forecasts: Sequence[Forecast]) -> None:
        """Write all forecasts of a source, if they are joined."""
        if self.files.joined:
            for path in self._paths(source, 0):
                Forecasts(forecasts).write(path, self.files.species)

    def _paths(self, source: int, snapshot: int) -> list[Path]:
        stem = self.stems[source][snapshot]
        return [self.folder / f"{stem}.{suffix}" for suffix in self.files.formats]


@contextmanager
def forecast_folder(
    folder: Path,
    model: Model | Path | str,
    sources: Sequence[Source],
    names: Sequence[Sequence[str]],
    *,
    files: ForecastFiles,
    assumed: Mapping[str, Any],
) -> Iterator[ForecastFolder]:
    """Own a folder for the forecasts of some snapshots by one model.

    Parameters
    ----------
    names : of the snapshots of each source.
    assumed : what else decides the forecasts, as JSON values.

    Raises
    ------
    SettingsError : if something else lies in the folder, or two snapshots cannot be told apart.
    InputError : if the folder cannot be written.
    """
    if files.joined:
        names = [[s.stem if isinstance(s, Path) else s.name] for s in sources]
    stems = told_apart(sources, names)
    by = name_of(model, folder)
    of = [place_of(s, folder) if isinstance(s, Path) else s.name for s in sources]
    with owned(folder, "predict", {"model": by, "snapshots": of, **assumed}):
        yield ForecastFolder(folder, stems, files)


def name_of(model: Model | Path | str, folder: Path) -> str:
    """Tell a model apart from others: by where it is, seen from a folder, else by its name."""
    if isinstance(model, Model):
        return model.name
    return place_of(model, folder) if Path(model).exists() else str(model)


def told_apart(sources: Sequence[Source], names: Sequence[Sequence[str]]) -> list[list[str]]:
    """Give each snapshot a file name of its own: its name, and where that is not enough its folder.

    Names that differ in upper and lower case alone count as equal, as some file systems take them.

    Raises
    ------
    SettingsError : if the places do not tell them apart either.
    """
    plain = [[file_stem(name) for name in of_one] for of_one in names]
    often = Counter(stem.casefold() for of_one in plain for stem in of_one)
    if all(count == 1 for count in often.values()):
        return plain
    depth = max(len(_parts(source, "")) for source in sources)
    for level in range(1, depth + 1):
        stems = [
            [
                stem
                if often[stem.casefold()] == 1
                else "__".join([*_parts(source, stem)[-level:], stem])
                for stem in of_one
            ]
            for source, of_one in zip(sources, plain, strict=True)
        ]
        if len({s.casefold() for of_one in stems for s in of_one}) == sum(map(len, stems)):
            return stems
    twice = next(s for of_one in plain for s in of_one if often[s.casefold()] > 1)
    raise SettingsError(
        f"several snapshots are named '{twice}', and their places do not tell them apart; give "
        "each once, or rename them",
        "snapshots",
    )


def _parts(source: Source, stem: str) -> tuple[str, ...]:
    """Return names that lead to a snapshot, the nearest last."""
    if isinstance(source, Dataset):
        return (source.name,)
    if isinstance(source, Configuration):
        return ()
    parts = source.resolve().parts[1:]
    if source.is_dir():
        return parts
    return parts[:-1] if stem.startswith(source.stem) else (*parts[:-1], source.stem)
