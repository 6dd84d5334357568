"""Published npz files, one a configuration and time: ``N4096T0.44_1_tc07.npz``.

Files that differ only in the tag ``tcNN`` are the times of one ensemble, wherever below a folder
they lie. Each repeats ``types`` and ``initial_positions`` and holds ``positions`` (R, N, d) of all
trajectories at its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from glasscast.datasets.files import read_npz
from glasscast.datasets.formats.listing import list_files, published_name
from glasscast.datasets.frames import RunFrame
from glasscast.datasets.published import time_of_tag, times_of_tags
from glasscast.errors import InputError

_SNAPSHOT = ("types", "initial_positions")
#: Digits lost in text files on the way do not make another configuration.
_SAME = 1e-6


def tagged_files(
    path: Path, liquid: str, times: Mapping[int, float] | None
) -> Iterator[tuple[str, float, dict[float, Path]]]:
    """Name, temperature and files by time of each published configuration below a folder.

    Parameters
    ----------
    times : tag -> time; by default the published table of the liquid and temperature.

    Raises
    ------
    InputError : for a name that tells no tag, or a tag without a time.
    """
    for name, files in _group_by_configuration(list_files(path, (".npz",))).items():
        tags = _read_tags(files)
        temperature = published_name(files[0]).temperature
        table = times or times_of_tags(files[0], liquid, temperature)
        yield name, temperature, _sort_tags(tags, table)


def _group_by_configuration(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Group published files by the configuration that their names tell, keeping the order."""
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(published_name(file).configuration, []).append(file)
    return groups


def _read_tags(files: Sequence[Path]) -> dict[int, Path]:
    """Tag -> file.

    Raises
    ------
    InputError : if a name has no tag or two files claim the same one.
    """
    tags: dict[int, Path] = {}
    for file in files:
        tag = published_name(file).tag
        if tag is None:
            raise InputError(file, "the file name has no time tag", "name it like ..._tc07.npz")
        if tag in tags:
            raise InputError(
                file, f"has the same configuration and tag as {tags[tag]}", "remove one of them"
            )
        tags[tag] = file
    return tags


def _sort_tags(tags: Mapping[int, Path], table: Mapping[int, float]) -> dict[float, Path]:
    """Time -> file, times ascending.

    Raises
    ------
    InputError : for a tag without a time.
    """
    by_time = {time_of_tag(file, table, tag): file for tag, file in tags.items()}
    return dict(sorted(by_time.items()))


def read_snapshot_arrays(
    files: Sequence[Path], also: Sequence[str] = (), optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Read what all tags of a configuration share, and make sure that they do.

    Parameters
    ----------
    files : the tags' files; the first one's arrays are returned.
    also, optional : further keys to read: required, or where present.

    Raises
    ------
    InputError : if a key is missing, or initial positions or types differ between files.
    """
    required = (*_SNAPSHOT, *also)
    kept: dict[str, np.ndarray] = {}
    for file in files:
        arrays = read_npz(file, (*required, "positions"), only=(*required, *optional))
        kept = kept or arrays
        for key in required:
            mine, first = arrays[key], kept[key]
            if mine.dtype.kind not in "fiu":
                raise InputError(file, f"'{key}' must hold numbers, got dtype {mine.dtype}")
            if mine.shape != first.shape or not np.allclose(
                mine, first, rtol=0, atol=_SAME, equal_nan=True
            ):
                raise InputError(
                    file,
                    f"'{key}' differs from {files[0].name}",
                    "files of one configuration must share it; check their names",
                )
    return kept


class FrameStream:
    """Streams the trajectories of one file a time, holding one file at once.

    Parameters
    ----------
    files : in the order of the times.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)

    def __call__(self) -> Iterator[RunFrame]:
        """Yield the frames, time by time.

        Raises
        ------
        InputError : if ``positions`` is not (R, N, d) with R > 0, equal in all files.
        """
        runs = 0
        for row, file in enumerate(self._files):
            positions = read_npz(file, only=("positions",))["positions"]
            if positions.ndim != 3 or positions.dtype.kind not in "fiu":
                raise InputError(
                    file,
                    "'positions' must be numbers of shape (trajectories, N, d), "
                    f"got {positions.dtype} {positions.shape}",
                )
            if len(positions) == 0:
                raise InputError(file, "'positions' holds no trajectory")
            runs = runs or len(positions)
            if len(positions) != runs:
                raise InputError(
                    file,
                    f"'positions' holds {len(positions)} trajectories, {self._files[0].name} "
                    f"holds {runs}",
                )
            # The published arrays are Fortran-ordered: one copy here beats R strided ones.
            for run, frame in enumerate(np.ascontiguousarray(positions)):
                yield RunFrame(row, run, frame, file)
