"""When the frames of a trajectory were taken, counted from its parent.

Times count from the clock of a trajectory's frame that shows the parent, else from the clock of
the parent (of a data file: the step it notes, if the trajectories go on from there), else from 0.
The clock is the time the file states, or its step times ``timestep``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from glasscast.datasets.frames import Frame, StoredFrame
from glasscast.errors import InputError
from glasscast.liquid.box import minimum_image

#: Text files keep about six digits of a coordinate, GSD single precision; in sigma.
SAME = 1e-3
#: Share of a time by which clocks of one moment may differ.
SAME_TIME = 1e-6
_SAME_STEP = 1e-3


def elapsed_times(
    path: Path, frames: Iterable[StoredFrame], parent: Frame, timestep: float | None
) -> Iterator[tuple[float, StoredFrame]]:
    """Go through a trajectory with the time since the parent; two frames may have the same one.

    Parameters
    ----------
    path : named in messages.
    frames : in the order of the file.
    timestep : of one step, for files that count steps.

    Raises
    ------
    InputError : if a frame has no clock, or lies before the parent or the frame before it.
    """
    origin: float | None = None
    last = 0.0
    for stored in frames:
        clock = stored.clock(timestep)
        if clock is None:
            raise _clockless(path, stored)
        if origin is None:
            origin = _origin(clock, stored, parent, timestep)
        elapsed = _elapsed(path, clock, origin)
        if elapsed < last * (1 - SAME_TIME):
            raise out_of_order(path, last, elapsed)
        last = max(last, elapsed)
        yield elapsed, stored


def refuse_other_timestep(
    path: Path, first: StoredFrame, last: StoredFrame, timestep: float
) -> None:
    """Refuse a time of one step that contradicts frames that tell both times and steps.

    Raises
    ------
    InputError : naming the time of one step that they tell.
    """
    if first.time is None or first.step is None or last.time is None or last.step is None:
        return
    if last.step != first.step:
        told = (last.time - first.time) / (last.step - first.step)
        if abs(told - timestep) > _SAME_STEP * abs(told):
            raise InputError(
                path,
                f"tells the time of its frames, {told:.6g} a step, not {timestep:g}",
                "leave it out",
                "timestep",
            )


def same_time(elapsed: float, other: float) -> bool:
    """Whether two times are one moment."""
    return bool(np.isclose(elapsed, other, rtol=SAME_TIME, atol=0))


def shows(frame: Frame, other: Frame) -> bool:
    """Whether two frames show the same configuration, in whatever images."""
    if frame.positions.shape != other.positions.shape:
        return False
    moved = minimum_image(frame.positions - other.positions, other.box)
    return bool(np.all(np.abs(moved) <= SAME))


def out_of_order(path: Path, last: float, elapsed: float) -> InputError:
    """Return the error of a clock that does not go on."""
    return InputError(
        path,
        f"its clock goes from {last:g} to {elapsed:g}",
        "a file holds one trajectory: split those that were joined",
    )


def _origin(clock: float, first: StoredFrame, parent: Frame, timestep: float | None) -> float:
    """Clock of a trajectory when it left the parent: of its frame 0, else the parent's, else 0.

    The clock of runs may have been set back after the parent was written. The step that a data
    file notes is what runs go on from only if they were read from a restart: LAMMPS begins at 0
    after ``read_data``. First frames before the noted step give that away.
    """
    own = parent.clock(timestep)
    if own is not None and abs(clock - own) <= SAME_TIME * abs(clock):
        return own
    if shows(first.read(), parent):
        return clock
    return 0.0 if own is None or (parent.noted and clock < own) else own


def _clockless(path: Path, frame: StoredFrame) -> InputError:
    stepped = frame.step is not None
    return InputError(
        path,
        "does not tell the time of its frames",
        "give the time of one step" if stepped else "write time= into each frame",
        "timestep" if stepped else "",
    )


def _elapsed(path: Path, clock: float, origin: float) -> float:
    elapsed = clock - origin
    if not math.isfinite(elapsed):
        raise InputError(path, f"has a frame at time {clock:g}, its parent at {origin:g}")
    if elapsed < -SAME_TIME * max(abs(clock), 1.0):
        raise InputError(
            path,
            f"has a frame {-elapsed:g} before the initial configuration",
            "let both clocks start alike, or remove initial.* to start at frame 0",
        )
    return elapsed if elapsed > SAME_TIME * abs(clock) else 0.0
