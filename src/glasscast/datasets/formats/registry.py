"""Which formats there are, how they are recognised, and the two ways in.

:func:`read_ensembles` streams configurations with their trajectories, :func:`read_snapshot` gives
bare configurations to forecast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.formats import (
    botan,
    dcd,
    deepmind,
    glassbench,
    gsd_file,
    lammps_data,
    lammps_dump,
    npz,
    xyz,
)
from glasscast.datasets.formats.checks import assemble
from glasscast.datasets.formats.compression import refuse_compressed
from glasscast.datasets.formats.foreign import TAR, recognise
from glasscast.datasets.formats.format import Format, FrameReader, Head, ReadOptions
from glasscast.datasets.formats.listing import list_files, name_below, parse_name, split_of
from glasscast.datasets.formats.plausibility import inspect_snapshot
from glasscast.datasets.formats.siblings import match_siblings
from glasscast.datasets.formats.trajectories import read_trajectories
from glasscast.datasets.frames import Ensemble, Frame, StoredFrame
from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.times import choose_times
from glasscast.errors import InputError, SettingsError
from glasscast.inputs import reading

#: Formats by name. A file is of the first that takes it for its own.
FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        glassbench.MODELS,
        glassbench.TRAJECTORIES,
        botan.FORMAT,
        npz.FORMAT,
        deepmind.FORMAT,
        gsd_file.FORMAT,
        dcd.FORMAT,
        lammps_dump.FORMAT,
        lammps_data.FORMAT,
        xyz.FORMAT,
    )
}
_SUFFIXES = tuple(sorted({suffix for known in FORMATS.values() for suffix in known.suffixes}))


def read_ensembles(
    path: Path, format: str | None = None, options: ReadOptions | None = None
) -> Iterator[Ensemble]:
    """Read configurations with their trajectories, one at a time.

    Parameters
    ----------
    path : a file or a folder.
    format : a name in ``FORMATS``; by default it is recognised.
    options : what the files do not tell.

    Yields
    ------
    Ensemble, whose frames are read only when they are asked for.

    Raises
    ------
    InputError : naming file, key and mend.
    SettingsError : for an unknown format, or an option that the format does not have.
    """
    path, options = Path(path), options or ReadOptions()
    chosen = find_format(format or detect(path))
    for key in options.model_fields_set - {*chosen.options, "times"}:
        raise SettingsError(
            f"the format '{chosen.name}' has no option '{key}'; it has "
            f"{', '.join(chosen.options) or 'none'}",
            key,
        )
    if chosen.ensembles is not None:
        whole = chosen.ensembles(path, options)
        found: Iterator[Ensemble] = (_at_times(one, options.times) for one in whole)
    elif chosen.has_ensembles:
        found = read_trajectories(path, chosen, options, frames_of)
    else:
        raise InputError(
            path,
            f"is a bare snapshot ({chosen.name}) without trajectories or labels",
            "forecast it, or give its trajectories",
        )
    with reading(path):
        for ensemble in match_siblings(found):
            split = split_of(ensemble.sources[0], path)
            yield replace(ensemble, metadata=ensemble.metadata | split) if split else ensemble


def _at_times(ensemble: Ensemble, wanted: int | tuple[float, ...] | None) -> Ensemble:
    if wanted is None:
        return ensemble
    return ensemble.at(choose_times(ensemble.sources[0], ensemble.times, wanted).rows)


def frames_of(path: Path) -> FrameReader:
    """Reader of the frames of a file, whatever its format; a snapshot is one frame."""
    chosen = find_format(detect(path))
    if chosen.frames is not None:
        return chosen.frames

    def read(path: Path, dimension: int | None) -> Iterator[StoredFrame]:
        for found in _snapshots(path, path.stem, chosen, None, dimension):
            frame = Frame(
                positions=found.positions,
                types=found.types,
                box=found.box,
                absolute=False,
                corner=np.zeros(len(found.box)),
            )
            yield StoredFrame(load=partial(replace, frame), absolute=False)

    return read


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
    StatePoint.stated(density=density)
    path = Path(path)
    found: dict[str, Configuration] = {}
    for file in snapshot_files(path):
        chosen = find_format(format or detect(file))
        for configuration in _snapshots(file, name_below(file, path), chosen, density, dimension):
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


def _snapshots(
    file: Path, name: str, chosen: Format, density: float | None, dimension: int | None
) -> Iterator[Configuration]:
    """Read every frame of a file as a configuration, numbered if there are several."""
    if chosen.snapshot is not None:
        yield chosen.snapshot(file, name, density)
        return
    frames = list(chosen.read_frames(file, dimension))
    if not frames:
        raise InputError(file, "holds no frame")
    for number, frame in enumerate(frames):
        if frame.units not in (None, "lj"):
            raise InputError(file, f"has units '{frame.units}'", "write it in reduced units, lj")
        if not len(frame.types):
            raise InputError(file, f"tells no species ({chosen.name})", "forecast its parent")
        inspect_snapshot(file, frame)
        yield assemble(
            name=name if len(frames) == 1 else f"{name}-{number}",
            sources=[file],
            parent=frame,
            metadata={"source": [file.name]},
        ).snapshot()


def find_format(name: str) -> Format:
    """Look a format up.

    Raises
    ------
    SettingsError : listing the known names.
    """
    if name not in FORMATS:
        raise SettingsError(f"unknown format '{name}'; known: {', '.join(FORMATS)}", "format")
    return FORMATS[name]


def detect(path: Path) -> str:
    """Recognise the format of a file, or of what lies below a folder.

    Of several formats below a folder, one that has trajectories or labels is taken: a bare
    snapshot beside runs must not pass for them.

    Raises
    ------
    InputError : if none is recognised; it lists the known formats.
    """
    found: list[Format] = []
    refusals: list[InputError] = []
    files = snapshot_files(path)
    # Parents lie beside their runs and may be of another format.
    runs = [file for file in files if not file.name.startswith("initial.")]
    kinds: dict[str, Path] = {}
    for file in runs or files:
        kinds.setdefault(file.suffix.lower(), file)
    for file in kinds.values():
        try:
            found.append(_detect(file))
        except InputError as error:
            refusals.append(error)
    if not found:
        raise refusals[0]
    return min(found, key=lambda known: not known.has_ensembles).name


def _detect(file: Path) -> Format:
    head = Head.read(file)
    with reading(file):
        for known in FORMATS.values():
            if known.detect(head):
                if head.compression is not None and known.frames is None:
                    refuse_compressed(file)
                return known
    foreign = recognise(head)
    if head.compression and (foreign is not TAR):
        refuse_compressed(file)
    if foreign is not None:
        raise InputError(file, f"is {foreign.what}, which is not read", foreign.mend_for(head))
    why = f" from its keys {', '.join(sorted(head.keys))}" if head.keys else ""
    listed = "; ".join(f"{name}: {known.description}" for name, known in FORMATS.items())
    raise InputError(file, f"is of no known format{why}", f"known are {listed}")
