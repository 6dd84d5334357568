"""What a format is: how its files are recognised, and what they give."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial, wraps
from inspect import isgeneratorfunction
from itertools import dropwhile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from glasscast.config import Settings
from glasscast.datasets.configuration import Configuration
from glasscast.datasets.files import UNREADABLE_ARCHIVE
from glasscast.datasets.formats.compression import Compression, compression_of, open_content
from glasscast.datasets.formats.text import encoding_of
from glasscast.datasets.frames import Ensemble, Frame, StoredFrame
from glasscast.errors import InputError
from glasscast.inputs import reading, refuse_irregular

_LENGTH = 1 << 16  # bytes that tell a format: heads with comments are long


class ReadOptions(Settings):
    """What a user says of files that do not say it themselves. Reduced Lennard-Jones units.

    Parameters
    ----------
    timestep : time of one step, for files that count steps.
    wrapped : whether coordinates are folded into the box; overrules the files.
    dimension : overrules what the files show.
    tags : tag -> time of published files; the tables of their sets where it is absent.
    density : number density, for files without a box.
    units : style of the units of files that do not name it, as LAMMPS calls it.
    times : the times to keep, or a number of logarithmically spaced ones; all where it is absent,
        unless they are very many at equal spacings.
    sigma, epsilon, mass : diameter, energy and mass of the liquid in the units of the files, which
        are scaled by them to reduced ones; ``timestep`` is then in their unit of time.
    """

    timestep: float | None = Field(default=None, gt=0)
    wrapped: bool | None = None
    dimension: Literal[2, 3] | None = None
    times: int | tuple[float, ...] | None = None
    tags: dict[int, float] | None = None
    density: float | None = Field(default=None, gt=0)
    units: Literal["lj", "metal", "real", "si", "cgs", "micro", "nano", "electron"] | None = None
    sigma: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    epsilon: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    mass: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @field_validator("times", mode="before")
    @classmethod
    def _times_or_number(cls, value: Any) -> Any:
        values = value if isinstance(value, list | tuple) else [1 if value is None else value]
        known = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        if not values or not known or not all(0 < v < float("inf") for v in values):
            raise ValueError(f"is how many times there are, or a list of times above 0: {value}")
        return (value,) if isinstance(value, float) else value


#: Options of all formats that ensembles are made of frame by frame.
TRAJECTORY_OPTIONS = (
    *("timestep", "wrapped", "dimension"),
    *("units", "sigma", "epsilon", "mass"),
)
#: Goes through the frames of a file; the second argument is the dimension, None to look.
FrameReader = Callable[[Path, int | None], Iterator[StoredFrame]]
#: Reads the ensembles below a folder or in a file.
EnsembleReader = Callable[[Path, ReadOptions], Iterator[Ensemble]]
#: Reads the snapshot in a file, under a name, with a number density should it have no box.
SnapshotReader = Callable[[Path, str, float | None], Configuration]


@dataclass(frozen=True)
class Head:
    """What tells the format of a file, read once.

    Parameters
    ----------
    path : of the file.
    first : its first bytes, decompressed.
    keys : of its arrays, if it is an npz archive.
    compression : how it is compressed, if it is.
    """

    path: Path
    first: bytes
    keys: frozenset[str]
    compression: Compression | None = None

    @classmethod
    def read(cls, path: Path) -> Head:
        """Look into a file.

        Raises
        ------
        InputError : if it cannot be read, or is a damaged archive.
        """
        refuse_irregular(path)
        with open_content(path) as stream:
            first = stream.read(_LENGTH)
        try:
            with path.open("rb") as packed:
                compression = compression_of(packed.read(_LENGTH))
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror or error})") from None
        is_archive = path.suffix.lower() == ".npz" or first.startswith(b"PK\x03\x04")
        keys = _keys(path) if is_archive and compression is None else frozenset()
        return cls(path, first, keys, compression)

    @property
    def suffix(self) -> str:
        """Suffix of the file in lower case."""
        return self.path.suffix.lower()

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of an array of an npz archive, from its header; () if there is none such."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{key}.npy") as member:
                version = np.lib.format.read_magic(member)
                read = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }
                return tuple(read[version](member)[0])
        except UNREADABLE_ARCHIVE:
            return ()

    @cached_property
    def all_lines(self) -> list[str]:
        """First lines, blank ones too."""
        return self.first.decode(encoding_of(self.first), errors="replace").splitlines()

    @cached_property
    def lines(self) -> list[str]:
        """First lines, without blank ones at the beginning."""
        return list(dropwhile(lambda line: not line.strip(), self.all_lines))


def _keys(path: Path) -> frozenset[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except UNREADABLE_ARCHIVE as error:
        raise InputError(
            path, f"is truncated or not an npz file ({error})", "copy it again from its source"
        ) from None


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: it gives frames, or ensembles, or a snapshot, or the last two.

    Parameters
    ----------
    name : as in commands.
    description : for help texts.
    suffixes : of its files, in lower case.
    detect : whether a file is of this format, given its head. Formats are asked in turn.
    options : of :class:`ReadOptions`, those that its ensembles depend on; ``times`` are of all.
    frames : reads a file frame by frame. Ensembles are made of such files if they have a clock.
    clocked : whether frames tell a time or a step.
    ensembles : reads snapshots with trajectories or labels.
    snapshot : reads the snapshot alone.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    detect: Callable[[Head], bool]
    options: tuple[str, ...] = ()
    frames: FrameReader | None = None
    clocked: bool = True
    ensembles: EnsembleReader | None = None
    snapshot: SnapshotReader | None = None

    def __post_init__(self) -> None:
        for key in ("frames", "ensembles", "snapshot"):
            if (read := getattr(self, key)) is not None:
                object.__setattr__(self, key, _guarded(read))

    @property
    def has_ensembles(self) -> bool:
        """Whether its files hold trajectories or labels."""
        return self.ensembles is not None or (self.frames is not None and self.clocked)

    def read_frames(self, path: Path, dimension: int | None = None) -> Iterator[Frame]:
        """Read all frames of a file whole, one after the other."""
        if self.frames is not None:
            for stored in self.frames(path, dimension):
                yield stored.read()


def _guarded(read: Callable[..., Any]) -> Callable[..., Any]:
    """Let a reader, whose first argument is a path, fail in one line that names the file."""

    @wraps(read)
    def call(path: Path, *arguments: Any) -> Any:
        with reading(path):
            return read(path, *arguments)

    @wraps(read)
    def stream(path: Path, *arguments: Any) -> Iterator[Any]:
        with reading(path):
            for found in read(path, *arguments):
                if isinstance(found, StoredFrame):
                    found = replace(found, load=partial(load, path, found.load))
                yield found

    def load(path: Path, inner: Callable[..., Frame]) -> Frame:
        with reading(path):
            return inner()

    return stream if isgeneratorfunction(read) else call
