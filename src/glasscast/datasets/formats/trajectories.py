"""Isoconfigurational ensembles in users' own trajectory files: dump, GSD, extended XYZ, DCD.

Files lie as :mod:`glasscast.datasets.formats.layout` says. Without ``initial.*`` the parent is
frame 0 of the trajectories, which must agree; of several frames in ``initial.*`` the last is taken.
All trajectories hold frames at the same times (:mod:`glasscast.datasets.formats.clocks` says since
when), of which some may be chosen (:mod:`glasscast.datasets.times`). Frames at time 0 must
show the parent; without any, all runs must not be displaced alike
(:mod:`glasscast.datasets.common_motion`). A single file is a configuration with one trajectory.

Frames are folded (``Ensemble.wrapped``) when the file says that it stores folded coordinates
without image flags; the option ``wrapped`` overrules the file. If a trajectory holds the parent
in another periodic image, its frames are shifted by whole box sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glasscast.datasets.formats.checks import assemble
from glasscast.datasets.formats.clocks import (
    elapsed_times,
    refuse_other_timestep,
    same_time,
)
from glasscast.datasets.formats.format import Format, ReadOptions
from glasscast.datasets.formats.grouping import find_runs
from glasscast.datasets.formats.layout import FramesOf, Layout
from glasscast.datasets.formats.run_stream import RunStream
from glasscast.datasets.frames import Ensemble, Frame, StoredFrame
from glasscast.datasets.times import choose_times
from glasscast.errors import InputError

#: The first time of runs that start at 0, in spans from the first to the last.
_LONGEST_WAIT = 10.0


def read_trajectories(
    path: Path, format: Format, options: ReadOptions, frames_of: FramesOf
) -> Iterator[Ensemble]:
    """Read one ensemble a folder.

    Parameters
    ----------
    path : a trajectory, a folder of trajectories, or a folder of such folders.
    format : of the trajectories.
    options : those of ``TRAJECTORY_OPTIONS``.
    frames_of : reads the parent, whose file may be of another format.

    Raises
    ------
    InputError : naming file and mend.
    """
    assert format.frames is not None

    def first_frame(file: Path) -> Frame | None:
        for stored in frames_of(file)(file, options.dimension):
            return stored.read()
        return None

    for name, initial, runs in find_runs(path, format.suffixes, first_frame):
        reader = format.frames if initial is None else frames_of(initial)
        layout = Layout(format.frames, options, initial, reader, tuple(runs)).with_factors()
        yield _read_ensemble(layout, name, format.name)


def _read_ensemble(layout: Layout, name: str, format_name: str) -> Ensemble:
    layout.refuse_one_frame_a_file()
    parent, wrapped = layout.parent(), layout.options.wrapped
    found = _read_times(layout, parent.frame)
    choice = choose_times(layout.runs[0], found.times, layout.options.times)
    folded = not found.absolute if wrapped is None else wrapped
    remarks = [layout.factors.describe()] if layout.factors else []
    if parent.count > 1 and layout.initial is not None:
        remarks.append(f"{layout.initial.name} holds {parent.count} frames, the last is the parent")
    if not found.shown:
        remarks += _remarks_on_start(layout, parent.frame, found)
    if choice.remark:
        remarks.append(choice.remark)
    sources = ([layout.initial] if layout.initial else []) + list(layout.runs)
    return assemble(
        name=name,
        sources=sources,
        parent=parent.frame,
        position_key="positions of the initial frame",
        times=[found.times[row] for row in choice.rows],
        frames=RunStream(layout, found.times, choice.rows, found.absolute),
        wrapped=folded,
        related=found.shown,
        metadata={
            "format": format_name,
            "source": [file.name for file in sources],
            "coordinates": "folded" if folded else "absolute",
            "clock": found.clock,
        }
        | ({"species": list(parent.frame.species)} if parent.frame.species else {})
        | ({"times_found": len(found.times)} if len(choice.rows) < len(found.times) else {})
        | ({"units": layout.factors.record()} if layout.factors else {})
        | ({"remarks": remarks} if remarks else {}),
    )


@dataclass(frozen=True)
class _Found:
    """What the clocks of the first trajectory tell.

    Parameters
    ----------
    times : of frames after the parent.
    absolute : whether all frames are followed across the faces.
    shown : whether there is a frame at time 0.
    began : clock at time 0.
    clock : what the clock is.
    """

    times: list[float]
    absolute: bool
    shown: bool
    began: float
    clock: str


def _read_times(layout: Layout, parent: Frame) -> _Found:
    path, timestep = layout.runs[0], layout.options.timestep
    times: list[float] = []
    absolute, shown, clocks = True, False, list[float]()
    first: StoredFrame | None = None
    for elapsed, stored in elapsed_times(path, layout.frames(0, parent), parent, timestep):
        first = first or stored
        absolute &= stored.absolute
        shown |= elapsed == 0
        clocks.append(stored.clock(timestep) or 0.0)
        if elapsed > 0 and not (times and same_time(elapsed, times[-1])):
            times.append(elapsed)
            began = clocks[-1] - elapsed
    if first is not None and timestep is not None:
        refuse_other_timestep(path, first, stored, timestep)
    if times:
        clock = f"step x {timestep:g}" if stored.time is None else "times of the files"
        return _Found(times, absolute, shown, began, clock)
    if len(clocks) > 1 and len(set(clocks)) == 1:
        told = f"step {stored.step}" if stored.time is None else f"time {stored.time:g}"
        raise InputError(
            path, f"all {len(clocks)} frames have {told}", "write the step of each frame into it"
        )
    raise InputError(path, "holds no trajectory: it has no frame after the initial one")


def _remarks_on_start(layout: Layout, parent: Frame, found: _Found) -> list[str]:
    """Tell what is taken on trust where no frame shows the parent.

    Raises
    ------
    InputError : if the clock of the parent cannot have been 0.
    """
    remarks = []
    if len(layout.runs) == 1:
        remarks.append("one trajectory without frame 0: whether it began here cannot be told")
    if parent.clock(layout.options.timestep) is None:
        times = found.times
        if times[0] > _LONGEST_WAIT * (times[-1] - times[0]) and len(times) > 1:
            raise InputError(
                layout.initial or layout.runs[0],
                f"does not tell its clock, and the trajectories go on from {times[0]:g} to "
                f"{times[-1]:g}",
                "write frame 0 into them, or the step of the parent into its file",
            )
        remarks.append("the parent has no clock, its time is taken as 0")
    elif parent.noted:
        remarks.append(
            f"the trajectories are taken to begin at the time {found.began:g} of their clock"
        )
    return remarks
