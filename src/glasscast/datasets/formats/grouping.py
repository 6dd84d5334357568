"""Which files below a folder are the trajectories of one configuration, and which is its parent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from glasscast.datasets.formats.clocks import shows
from glasscast.datasets.formats.listing import list_files, natural_key, stem_of, survey
from glasscast.datasets.frames import Frame
from glasscast.errors import InputError


class Runs(NamedTuple):
    """The files of one configuration.

    Parameters
    ----------
    name : of the configuration.
    initial : the file of the parent, if it has one.
    files : one a trajectory, in natural order.
    """

    name: str
    initial: Path | None
    files: list[Path]


def find_runs(
    path: Path, suffixes: Sequence[str], first_frame: Callable[[Path], Frame | None]
) -> Iterator[Runs]:
    """Find the configurations below a folder: a folder each, its files or its folders the runs.

    Folders are the runs of the folder above them if that one holds the parent, ``initial.*``, or
    if each has one trajectory and all begin with the same snapshot.

    Parameters
    ----------
    path : a trajectory or a folder.
    suffixes : of trajectories.
    first_frame : reads the first snapshot of a file.

    Raises
    ------
    InputError : if there is no trajectory, or several parents in a folder.
    """
    if path.is_file():
        yield Runs(stem_of(path), None, [path])
        return
    folders: dict[Path, list[Path]] = {}
    for file in list_files(path, suffixes):
        if not _is_initial(file):
            folders.setdefault(file.parent, []).append(file)
    if not folders:
        raise InputError(path, "holds no trajectory beside the initial configuration")
    initial = _find_initial(path)
    joined = _joined(folders, initial, path, first_frame)
    for folder in sorted(joined, key=natural_key):
        files, parts = joined[folder], folder.relative_to(path).parts
        parent = initial.get(folder) or initial.get(files[0].parent)
        yield Runs("-".join(parts) or folder.resolve().name, parent, files)


def _is_initial(file: Path) -> bool:
    return file.name.startswith("initial.")


def _find_initial(path: Path) -> dict[Path, Path]:
    """Find the parent's file in each folder that has one."""
    found: dict[Path, Path] = {}
    for file in filter(_is_initial, survey(path).files):
        if file.parent in found:
            raise InputError(file.parent, "has two files initial.*", "keep one of them")
        found[file.parent] = file
    return found


def _joined(
    folders: Mapping[Path, list[Path]],
    initial: Mapping[Path, Path],
    root: Path,
    first_frame: Callable[[Path], Frame | None],
) -> dict[Path, list[Path]]:
    """Move trajectories up to the folder whose runs their folders are."""
    within: dict[Path, list[Path]] = {}
    for folder in folders:
        if folder != root:
            within.setdefault(folder.parent, []).append(folder)
    joined = dict(folders)
    for above, inner in within.items():
        if above in folders:
            continue
        if above in initial:
            runs = [folder for folder in inner if folder not in initial]
        else:
            starts = [initial.get(folder, folders[folder][0]) for folder in inner]
            single = len(inner) > 1 and all(len(folders[folder]) == 1 for folder in inner)
            runs = inner if single and _alike(map(first_frame, starts)) else []
        for folder in runs:
            joined.setdefault(above, []).extend(joined.pop(folder))
    return joined


def _alike(frames: Iterator[Frame | None]) -> bool:
    """Whether all frames show the same configuration; the first other one ends the reading."""
    first = next(frames)
    return first is not None and all(
        frame is not None
        and frame.species == first.species
        and np.array_equal(frame.types, first.types)
        and shows(frame, first)
        for frame in frames
    )
