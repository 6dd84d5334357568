"""Isoconfigurational ensembles in users' own trajectory files: dump, GSD, extended XYZ.

One folder a configuration, one file a trajectory::

    ensemble/
      NAME/                 the name of the configuration
        initial.dump        optional: the parent; any snapshot format
        run1.dump           one trajectory each, in natural order of names
        run2.dump

Without ``initial.*`` the parent is frame 0 of the trajectories, which must agree. All
trajectories hold frames at the same times. Times count from the clock of a trajectory's frame
that shows the parent, else from the clock of the parent (of a data file: the step it notes, if
the trajectories go on from there), else from 0; the clock is the time the file states, or its
step times ``timestep``. Frames at time 0 must show the parent; without any, all runs must not be
displaced alike (:mod:`glasscast.datasets.common_motion`). Of several frames in ``initial.*`` the
last is taken. A single file is a configuration with one trajectory.

Frames are folded (``Ensemble.wrapped``) when the file says that it stores folded coordinates
without image flags; the option ``wrapped`` overrules the file. If a trajectory holds the parent
in another periodic image, its frames are shifted by whole box sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glasscast.datasets.formats.checks import assemble, refuse_other_particles
from glasscast.datasets.formats.format import Format, FrameReader, ReadOptions
from glasscast.datasets.formats.listing import list_files, natural_key, split_of
from glasscast.datasets.formats.units import Factors, find_factors
from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, minimum_image

#: Finds the reader of a file's frames.
FramesOf = Callable[[Path], FrameReader]
#: Text files keep about six digits of a coordinate, GSD single precision.
_SAME = 1e-3
_SAME_TIME = 1e-6
#: In box sides: nothing that moved less is mistaken for another image.
_NEAR = 0.25
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
    for name, initial, runs in _find_configurations(path, format.suffixes):
        reader = format.frames if initial is None else frames_of(initial)
        layout = _Layout(format.frames, options, initial, reader, tuple(runs)).with_factors()
        yield _read_ensemble(layout, name, format.name)


@dataclass(frozen=True)
class _Layout:
    """The files of one configuration and how to read them."""

    read_run: FrameReader
    options: ReadOptions
    initial: Path | None
    read_initial: FrameReader
    runs: tuple[Path, ...]
    factors: Factors | None = None

    def with_factors(self) -> _Layout:
        """Return the layout with the factors that its files need, as they tell or as is said.

        Raises
        ------
        InputError : if units are not reduced and the factors are not given, or units differ.
        """
        told = {path: self._told(path) for path in (self.initial, self.runs[0]) if path}
        named = {path: units for path, units in told.items() if units is not None}
        if len(set(named.values())) > 1:
            raise InputError(self.runs[0], f"units differ: {', '.join(named.values())}")
        path, units = next(iter(named.items()), (self.runs[0], None))
        factors = find_factors(path, units, self.options)
        if factors is None or self.options.timestep is None:
            return replace(self, factors=factors)
        step = self.options.timestep / factors.time
        return replace(
            self, factors=factors, options=self.options.model_copy(update={"timestep": step})
        )

    def _told(self, path: Path) -> str | None:
        reader = self.read_initial if path == self.initial else self.read_run
        first = next(reader(path, self.options.dimension), None)
        return None if first is None else first.units

    def _reduced(self, frame: Frame) -> Frame:
        return frame if self.factors is None else self.factors.reduce(frame)

    def parent(self) -> tuple[Frame, int]:
        """Read the snapshot that all trajectories start from, and of how many it is the last."""
        path = self.initial or self.runs[0]
        last, count = None, 0
        for frame in self.read_initial(path, self.options.dimension):
            last, count = frame, count + 1
            if self.initial is None:
                break
        if last is None:
            raise InputError(path, "holds no frame")
        return self._reduced(last), count

    def frames(self, run: int) -> Iterator[Frame]:
        """Read the frames of a trajectory."""
        return map(self._reduced, self.read_run(self.runs[run], self.options.dimension))


def _find_configurations(
    path: Path, suffixes: Sequence[str]
) -> Iterator[tuple[str, Path | None, list[Path]]]:
    """Name, parent's file or None, and trajectory files of each configuration."""
    if path.is_file():
        yield path.stem, None, [path]
        return
    folders: dict[Path, list[Path]] = {}
    for file in list_files(path, suffixes):
        if file.stem != "initial":
            folders.setdefault(file.parent, []).append(file)
    if not folders:
        raise InputError(path, "holds no trajectory beside the initial configuration")
    for folder in sorted(folders, key=natural_key):
        parts = folder.relative_to(path).parts
        initial = sorted(folder.glob("initial.*"))
        if len(initial) > 1:
            raise InputError(folder, f"has {len(initial)} files initial.*", "keep one of them")
        yield "-".join(parts) or folder.resolve().name, next(iter(initial), None), folders[folder]


def _read_ensemble(layout: _Layout, name: str, format_name: str) -> Ensemble:
    (parent, count), wrapped = layout.parent(), layout.options.wrapped
    times, absolute, shown = _read_times(layout, parent)
    folded = not absolute if wrapped is None else wrapped
    remarks = [layout.factors.describe()] if layout.factors else []
    if count > 1 and layout.initial is not None:
        remarks.append(f"{layout.initial.name} holds {count} frames, the last is the parent")
    if not shown:
        remarks += _remarks_on_start(layout, parent, times)
    sources = ([layout.initial] if layout.initial else []) + list(layout.runs)
    return assemble(
        name=name,
        sources=sources,
        parent=parent,
        position_key="positions of the initial frame",
        times=times,
        frames=_FrameStream(layout, times, absolute),
        wrapped=folded,
        related=shown,
        metadata={
            "format": format_name,
            "source": [file.name for file in sources],
            "coordinates": "folded" if folded else "absolute",
        }
        | ({"species": list(parent.species)} if parent.species else {})
        | ({"units": layout.factors.record()} if layout.factors else {})
        | ({"remarks": remarks} if remarks else {})
        | split_of(sources[0]),
    )


def _remarks_on_start(layout: _Layout, parent: Frame, times: Sequence[float]) -> list[str]:
    """Tell what is taken on trust where no frame shows the parent.

    Raises
    ------
    InputError : if the clock of the parent cannot have been 0.
    """
    remarks = []
    if len(layout.runs) == 1:
        remarks.append("one trajectory without frame 0: whether it began here cannot be told")
    timestep = layout.options.timestep
    first = next(layout.frames(0)).clock(timestep)
    if parent.clock(timestep) is None:
        if times[0] > _LONGEST_WAIT * (times[-1] - times[0]) and len(times) > 1:
            raise InputError(
                layout.initial or layout.runs[0],
                f"does not tell its clock, and the trajectories go on from {times[0]:g} to "
                f"{times[-1]:g}",
                "write frame 0 into them, or the step of the parent into its file",
            )
        remarks.append("the parent has no clock, its time is taken as 0")
    elif parent.noted and first is not None:
        began = first - times[0]
        remarks.append(f"the trajectories are taken to begin at the time {began:g} of their clock")
    return remarks


def _read_times(layout: _Layout, parent: Frame) -> tuple[list[float], bool, bool]:
    """Read the times of the first trajectory, whether it is absolute, whether it has frame 0."""
    path = layout.runs[0]
    times, absolute, shown = [], True, False
    for elapsed, frame in _timed(layout, 0, parent):
        absolute &= frame.absolute
        shown |= elapsed == 0
        if elapsed > 0:
            times.append(elapsed)
    if not times:
        raise InputError(path, "holds no trajectory: it has no frame after the initial one")
    return times, absolute, shown


def _timed(layout: _Layout, run: int, parent: Frame) -> Iterator[tuple[float, Frame]]:
    """Frames of a trajectory with the time since the parent; one written twice counts once.

    Raises
    ------
    InputError : if a frame has no clock, or lies before the parent or the frame before it.
    """
    path, timestep = layout.runs[run], layout.options.timestep
    origin: float | None = None
    last: tuple[float, Frame] | None = None
    for frame in layout.frames(run):
        clock = frame.clock(timestep)
        if clock is None:
            raise _clockless(path, frame)
        if origin is None:
            origin = _origin(clock, frame, parent, timestep)
        elapsed = _elapsed(path, clock, origin)
        if last is not None and elapsed <= last[0] * (1 + _SAME_TIME):
            if elapsed >= last[0] * (1 - _SAME_TIME) and _shows(frame, last[1]):
                continue  # a run that goes on from a restart writes its first frame again
            raise InputError(
                path,
                f"its clock goes from {last[0]:g} to {elapsed:g}",
                "a file holds one trajectory: split those that were joined",
            )
        last = elapsed, frame
        yield elapsed, frame


def _origin(clock: float, first: Frame, parent: Frame, timestep: float | None) -> float:
    """Clock of a trajectory when it left the parent: of its frame 0, else the parent's, else 0.

    The clock of runs may have been set back after the parent was written. The step that a data
    file notes is what runs go on from only if they were read from a restart: LAMMPS begins at 0
    after ``read_data``. First frames before the noted step give that away.
    """
    own = parent.clock(timestep)
    if own is not None and abs(clock - own) <= _SAME_TIME * abs(clock):
        return own
    if _shows(first, parent):
        return clock
    return 0.0 if own is None or (parent.noted and clock < own) else own


def _shows(frame: Frame, other: Frame) -> bool:
    """Whether two frames show the same configuration, in whatever images."""
    if frame.positions.shape != other.positions.shape:
        return False
    moved = minimum_image(frame.positions - other.positions, other.box)
    return bool(np.all(np.abs(moved) <= _SAME))


def _clockless(path: Path, frame: Frame) -> InputError:
    stepped = frame.step is not None
    return InputError(
        path,
        "does not tell the time of its frames",
        "give the time of one step" if stepped else "write time= into each frame",
        "timestep" if stepped else "",
    )


def _elapsed(path: Path, clock: float, origin: float) -> float:
    elapsed = clock - origin
    if elapsed < -_SAME_TIME * max(abs(clock), 1.0):
        raise InputError(
            path,
            f"has a frame {-elapsed:g} before the initial configuration",
            "let both clocks start alike, or remove initial.* to start at frame 0",
        )
    return elapsed if elapsed > _SAME_TIME * abs(clock) else 0.0


@dataclass(frozen=True)
class _FrameStream:
    """Streams the trajectories one file after the other."""

    layout: _Layout
    times: Sequence[float]
    absolute: bool

    def __call__(self) -> Iterator[RunFrame]:
        parent, _ = self.layout.parent()
        for run, path in enumerate(self.layout.runs):
            yield from self._stream_run(run, path, parent)

    def _stream_run(self, run: int, path: Path, parent: Frame) -> Iterator[RunFrame]:
        shift: FloatArray | float | None = None
        row = 0
        for elapsed, frame in _timed(self.layout, run, parent):
            self._check(path, frame, parent)
            if elapsed == 0:
                shift = _images_between(path, frame, parent)
                continue
            if row == len(self.times) or not np.isclose(
                elapsed, self.times[row], rtol=_SAME_TIME, atol=0
            ):
                raise _other_times(path, elapsed, self.times)
            if shift is None:
                shift = 0.0 if self._folded else _images_after(path, frame, parent)
            yield RunFrame(row, run, frame.positions - shift, path)
            row += 1
        if row < len(self.times):
            raise InputError(
                path, f"ends after {row} of {len(self.times)} times", "the run did not finish"
            )

    @property
    def _folded(self) -> bool:
        wrapped = self.layout.options.wrapped
        return not self.absolute if wrapped is None else wrapped

    def _check(self, path: Path, frame: Frame, parent: Frame) -> None:
        if frame.positions.shape != parent.positions.shape:
            raise InputError(
                path,
                f"has a frame of (N, d) = {frame.positions.shape}, the initial configuration has "
                f"{parent.positions.shape}",
            )
        refuse_other_particles(path, frame, parent)
        if frame.species != parent.species:
            raise InputError(
                path,
                f"names the species {', '.join(frame.species)}, the initial configuration "
                f"{', '.join(parent.species)}",
                "name them alike, in the same order",
            )
        if not np.array_equal(frame.types, parent.types):
            particle = int(np.argmax(frame.types != parent.types))
            raise InputError(path, f"particle {particle} has another type than initially")
        if not np.allclose(frame.box, parent.box, rtol=1e-5):
            raise InputError(
                path,
                f"the box changes from {parent.box.tolist()} to {frame.box.tolist()}",
                "run trajectories at constant volume",
            )
        if self.layout.options.wrapped is None and self.absolute and not frame.absolute:
            raise InputError(
                path,
                "stores folded coordinates, other trajectories do not",
                "say that they are folded",
                "wrapped",
            )


def _images_between(path: Path, frame: Frame, parent: Frame) -> FloatArray:
    """Whole box sides between a trajectory's first frame and the parent, (N, d).

    Raises
    ------
    InputError : if they are not the same configuration.
    """
    moved = frame.positions - parent.positions
    away = np.abs(minimum_image(moved, parent.box))
    if np.any(away > _SAME):
        particle = int(np.argmax(away.max(axis=1)))
        raise InputError(
            path,
            f"does not start from the initial configuration: particle {particle} is "
            f"{away[particle].max():.3g} sigma away",
            "all trajectories of a folder must share it",
        )
    return parent.box * np.round(moved / parent.box)


def _images_after(path: Path, frame: Frame, parent: Frame) -> FloatArray | float:
    """Whole box sides between a parent and the first frame after it, (N, d).

    A folded parent and absolute runs are related by the nearest image while nothing has moved far.

    Raises
    ------
    InputError : if a particle of a folded parent may have passed a face before or after it.
    """
    if parent.absolute:
        return 0.0
    moved = frame.positions - parent.positions
    near = np.abs(minimum_image(moved, parent.box)) / parent.box
    if near.max() < _NEAR:
        return parent.box * np.round(moved / parent.box)
    if np.all(np.abs(moved) <= parent.box / 2):
        return 0.0
    raise InputError(
        path,
        "holds absolute positions, the initial configuration is folded into the box, and no frame "
        "at time 0 relates them",
        "write frame 0 into the trajectories, or image flags into the initial configuration",
    )


def _other_times(path: Path, elapsed: float, times: Sequence[float]) -> InputError:
    return InputError(
        path,
        f"has a frame at time {elapsed:g}; the first trajectory has {len(times)} times: "
        + ", ".join(f"{t:g}" for t in times),
        "all trajectories must be stored at the same times",
    )
