"""Which formats there are, how they are recognised, and the two ways in.

:func:`read_ensembles` streams configurations with their trajectories, :func:`read_snapshot` gives
bare configurations to forecast.
"""

from __future__ import annotations

import inspect
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.ensemble import Ensemble
from glasscast.datasets.files import UNREADABLE_ARCHIVE
from glasscast.datasets.formats import deepmind, gsd_file, lammps_data, lammps_dump, xyz
from glasscast.datasets.formats.botan import read_botan
from glasscast.datasets.formats.glassbench import (
    read_glassbench_models,
    read_glassbench_trajectories,
)
from glasscast.datasets.formats.listing import list_files, name_below, parse_name
from glasscast.datasets.formats.snapshots import (
    configuration_of,
    frames_as_configurations,
    npz_as_configuration,
)
from glasscast.datasets.formats.stored_frame import FrameReader
from glasscast.datasets.formats.trajectories import trajectory_reader
from glasscast.errors import InputError, SettingsError


@dataclass(frozen=True)
class Format:
    """A format and its readers.

    Parameters
    ----------
    suffixes : of its files.
    description : for help texts.
    ensembles : reads ensembles; None for files that hold a bare snapshot.
    frames : reads frames, where snapshots are read frame by frame.
    """

    suffixes: tuple[str, ...]
    description: str
    ensembles: Callable[..., Iterator[Ensemble]] | None = None
    frames: FrameReader | None = None


FORMATS: dict[str, Format] = {
    "botan": Format((".npz",), "BOTAN npz, isoconfig_N4096T0.44_1_tc07.npz", read_botan),
    "glassbench-trajectories": Format(
        (".npz",), "GlassBench trajectories npz", read_glassbench_trajectories
    ),
    "glassbench-models": Format(
        (".npz",), "GlassBench configurations with labels, npz", read_glassbench_models
    ),
    "npz": Format((".npz",), "npz with positions, types and box; glasscast's own files"),
    "deepmind": Format(
        deepmind.SUFFIXES, "DeepMind pickles (Bapst et al.)", deepmind.read_deepmind
    ),
    "lammps": Format(
        lammps_dump.SUFFIXES,
        "LAMMPS text dumps",
        trajectory_reader("lammps", lammps_dump.iterate_dump, lammps_dump.SUFFIXES),
        lammps_dump.iterate_dump,
    ),
    "lammps-data": Format(
        lammps_data.SUFFIXES, "LAMMPS data files", frames=lammps_data.iterate_data
    ),
    "gsd": Format(
        gsd_file.SUFFIXES,
        "GSD of HOOMD-blue and OVITO",
        trajectory_reader("gsd", gsd_file.iterate_gsd, gsd_file.SUFFIXES),
        gsd_file.iterate_gsd,
    ),
    "extxyz": Format(
        xyz.SUFFIXES,
        "extended XYZ",
        trajectory_reader("extxyz", xyz.iterate_xyz, xyz.SUFFIXES),
        xyz.iterate_xyz,
    ),
}
_SUFFIXES = tuple(sorted({suffix for known in FORMATS.values() for suffix in known.suffixes}))
_HEAD = 4096  # bytes that tell a text format


def read_ensembles(path: Path, format: str | None = None, **options: Any) -> Iterator[Ensemble]:
    """Read configurations with their trajectories, one at a time.

    Parameters
    ----------
    path : a file or a folder.
    format : a name in ``FORMATS``; by default it is recognised.
    options : of the format's reader, such as ``wrapped`` or ``timestep``; None means not given.

    Yields
    ------
    Ensemble, whose frames are read only when they are asked for.

    Raises
    ------
    InputError : naming file, key and mend.
    SettingsError : for an unknown format, or an option that the format does not have or whose
        value has another type.
    """
    path = Path(path)
    name = format or detect(path)
    reader = find_format(name).ensembles
    if reader is None:
        raise InputError(
            path,
            f"is a bare snapshot ({name}) without trajectories or labels",
            "forecast it, or give its trajectories",
        )
    given = {key: value for key, value in options.items() if value is not None}
    known = list(inspect.signature(reader).parameters)[1:]
    for key in given:
        if key not in known:
            raise SettingsError(
                f"the format '{name}' has no option '{key}'; it has {', '.join(known)}"
            )
    yield from reader(path, **_typed(reader, given))


def _typed(reader: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Options as the types that the reader declares."""
    types = get_type_hints(reader, include_extras=True)
    typed = {}
    for key, value in options.items():
        try:
            typed[key] = TypeAdapter(types[key]).validate_python(value)
        except ValidationError as error:
            raise SettingsError(f"option '{key}': {error.errors()[0]['msg']}") from None
    return typed


def read_snapshot(
    path: Path,
    format: str | None = None,
    *,
    density: float | None = None,
    dimension: int | None = None,
) -> list[Configuration]:
    """Read snapshots to forecast: every frame, or every file below a folder.

    Parameters
    ----------
    path : a file or a folder.
    format : a name in ``FORMATS``; by default it is recognised file by file.
    density : gives npz files without a box a cubic or square one.
    dimension : 2 or 3 to overrule what dumps, data, GSD and XYZ files show.

    Raises
    ------
    InputError : naming file, key and mend.
    """
    path = Path(path)
    found: dict[str, Configuration] = {}
    for file in snapshot_files(path):
        for configuration in _read_snapshot_file(file, path, format, density, dimension):
            name = configuration.name
            if name not in found:
                found[name] = configuration
            elif parse_name(file) is None:  # the tags of a published configuration share it
                raise InputError(file, f"is the second snapshot named '{name}'", "rename it")
    return list(found.values())


def snapshot_files(path: Path) -> list[Path]:
    """List the files of known suffixes below a folder, or the file itself.

    Raises
    ------
    InputError : if there is none.
    """
    return list_files(path, _SUFFIXES)


def _read_snapshot_file(
    file: Path, root: Path, format: str | None, density: float | None, dimension: int | None
) -> Iterator[Configuration]:
    name = format or detect(file)
    chosen = find_format(name)
    if chosen.frames is not None:
        yield from frames_as_configurations(file, root, chosen.frames, dimension)
    elif name == "deepmind":
        yield configuration_of(deepmind.read_one(file, name_below(file, root)))
    else:
        yield npz_as_configuration(file, root, density)


def find_format(name: str) -> Format:
    """Look a format up.

    Raises
    ------
    SettingsError : listing the known names.
    """
    if name not in FORMATS:
        raise SettingsError(f"unknown format '{name}'; known: {', '.join(FORMATS)}")
    return FORMATS[name]


def detect(path: Path) -> str:
    """Recognise the format of a file, or of the first known file below a folder.

    Archives are told by their keys, text files by their first lines, others by their suffix.

    Raises
    ------
    InputError : listing the known formats.
    """
    for file in snapshot_files(path):
        suffix = file.suffix.lower()
        if suffix == ".npz":
            return _detect_npz(file)
        if suffix in deepmind.SUFFIXES:
            return "deepmind"
        if suffix in gsd_file.SUFFIXES:
            return "gsd"
        # initial.data beside trajectories must not pass for the format of the folder.
        if path.is_dir() and file.stem == "initial":
            continue
        return _detect_text(file)
    raise _unrecognised(path)


def _detect_npz(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            keys = {name.removesuffix(".npy") for name in archive.namelist()}
    except UNREADABLE_ARCHIVE as error:
        raise InputError(
            path, f"is truncated or not an npz file ({error})", "copy it again from its source"
        ) from None
    if {"md_prop", "initial_positions"} <= keys:
        return "glassbench-models"
    if {"positions", "initial_positions", "box"} <= keys:
        return "glassbench-trajectories"
    if {"positions", "initial_positions"} <= keys:
        return "botan"
    if keys & {"positions", "initial_positions"}:
        return "npz"
    raise _unrecognised(path, f" from its keys {', '.join(sorted(keys))}")


def _detect_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD).decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    first, _, rest = head.lstrip().partition("\n")
    if first.startswith("ITEM:"):
        return "lammps"
    if first.strip().isdecimal():
        if "lattice" in rest.partition("\n")[0].lower():
            return "extxyz"
        raise InputError(
            path, "is XYZ without a box", 'write Lattice="Lx 0 0 0 Ly 0 0 0 Lz" into line 2'
        )
    if re.search(r"^\s*\d+\s+atoms\s*$", rest, re.MULTILINE):
        return "lammps-data"
    raise _unrecognised(path)


def _unrecognised(path: Path, why: str = "") -> InputError:
    known = "; ".join(f"{name}: {known.description}" for name, known in FORMATS.items())
    return InputError(path, f"is of no known format{why}", f"known are {known}")
