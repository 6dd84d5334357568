"""Isoconfigurational ensembles in users' own trajectory files: dump, GSD, extended XYZ.

One folder a configuration, one file a trajectory::

    ensemble/
      NAME/                 the name of the configuration
        initial.dump        optional: the parent; any snapshot format
        run1.dump           one trajectory each, in natural order of names
        run2.dump

Without ``initial.*`` the parent is frame 0 of the trajectories, which must agree. All
trajectories hold frames at the same times. Times count from the clock of the parent, or from 0
if the parent has no clock (a data file); the clock is the time the file states, or its step
times ``timestep``. Frames at time 0 must show the parent. A single file is a configuration with
one trajectory.

Frames are folded (``Ensemble.wrapped``) when the file says that it stores folded coordinates
without image flags; the option ``wrapped`` overrules the file. If a trajectory holds the parent
in another periodic image, its frames are shifted by whole box sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasscast.datasets.formats.checks import assemble, refuse_other_particles
from glasscast.datasets.formats.format import Format, FrameReader, ReadOptions
from glasscast.datasets.formats.listing import list_files, natural_key, split_of
from glasscast.datasets.frames import Ensemble, Frame, RunFrame
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, minimum_image

#: Finds the reader of a file's frames.
FramesOf = Callable[[Path], FrameReader]
#: Text files keep about six digits of a coordinate, GSD single precision.
_SAME = 1e-3
_SAME_TIME = 1e-6


def read_trajectories(
    path: Path, format: Format, options: ReadOptions, frames_of: FramesOf
) -> Iterator[Ensemble]:
    """Read one ensemble a folder.

    Parameters
    ----------
    path : a trajectory, a folder of trajectories, or a folder of such folders.
    format : of the trajectories.
    options : ``timestep``, ``wrapped``, ``dimension``.
    frames_of : reads the parent, whose file may be of another format.

    Raises
    ------
    InputError : naming file and mend.
    """
    assert format.frames is not None
    for name, initial, runs in _find_configurations(path, format.suffixes):
        reader = format.frames if initial is None else frames_of(initial)
        layout = _Layout(format.frames, options, initial, reader, tuple(runs))
        yield _read_ensemble(layout, name, format.name)


@dataclass(frozen=True)
class _Layout:
    """The files of one configuration and how to read them."""

    read_run: FrameReader
    options: ReadOptions
    initial: Path | None
    read_initial: FrameReader
    runs: tuple[Path, ...]

    def parent(self) -> Frame:
        """Read the snapshot that all trajectories start from."""
        path = self.initial or self.runs[0]
        frame = next(self.read_initial(path, self.options.dimension), None)
        if frame is None:
            raise InputError(path, "holds no frame")
        return frame

    def frames(self, run: int) -> Iterator[Frame]:
        """Read the frames of a trajectory."""
        return self.read_run(self.runs[run], self.options.dimension)


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
    parent, wrapped = layout.parent(), layout.options.wrapped
    times, absolute = _read_times(layout, parent)
    sources = ([layout.initial] if layout.initial else []) + list(layout.runs)
    return assemble(
        name=name,
        sources=sources,
        parent=parent,
        position_key="positions of the initial frame",
        times=times,
        frames=_FrameStream(layout, times, check_images=wrapped is None and absolute),
        wrapped=not absolute if wrapped is None else wrapped,
        metadata={"format": format_name, "source": [file.name for file in sources]}
        | split_of(sources[0]),
    )


def _read_times(layout: _Layout, parent: Frame) -> tuple[list[float], bool]:
    """Read the times of the first trajectory, and whether it is followed across the faces."""
    path = layout.runs[0]
    times, absolute = [], True
    for frame in layout.frames(0):
        elapsed = _elapsed(path, frame, parent, layout.options.timestep)
        absolute &= frame.absolute
        if elapsed > 0:
            times.append(elapsed)
    if not times:
        raise InputError(path, "holds no trajectory: it has no frame after the initial one")
    return times, absolute


def _elapsed(path: Path, frame: Frame, parent: Frame, timestep: float | None) -> float:
    clock = frame.clock(timestep)
    if clock is None:
        raise InputError(
            path,
            "does not tell the time of its frames",
            "give the time of one step"
            if frame.step is not None
            else "write time= into each frame",
            "timestep" if frame.step is not None else "",
        )
    elapsed = clock - (parent.clock(timestep) or 0.0)
    if elapsed < -_SAME_TIME:
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
    check_images: bool

    def __call__(self) -> Iterator[RunFrame]:
        parent = self.layout.parent()
        for run, path in enumerate(self.layout.runs):
            yield from self._stream_run(run, path, parent)

    def _stream_run(self, run: int, path: Path, parent: Frame) -> Iterator[RunFrame]:
        shift: FloatArray | float = 0.0
        row = 0
        for frame in self.layout.frames(run):
            self._check(path, frame, parent)
            elapsed = _elapsed(path, frame, parent, self.layout.options.timestep)
            if elapsed == 0:
                shift = _images_between(path, frame, parent)
                continue
            if row == len(self.times) or not np.isclose(
                elapsed, self.times[row], rtol=_SAME_TIME, atol=0
            ):
                raise _other_times(path, elapsed, self.times)
            yield RunFrame(row, run, frame.positions - shift, path)
            row += 1
        if row < len(self.times):
            raise InputError(
                path, f"ends after {row} of {len(self.times)} times", "the run did not finish"
            )

    def _check(self, path: Path, frame: Frame, parent: Frame) -> None:
        if frame.positions.shape != parent.positions.shape:
            raise InputError(
                path,
                f"has a frame of (N, d) = {frame.positions.shape}, the initial configuration has "
                f"{parent.positions.shape}",
            )
        refuse_other_particles(path, frame, parent)
        if not np.array_equal(frame.types, parent.types):
            particle = int(np.argmax(frame.types != parent.types))
            raise InputError(path, f"particle {particle} has another type than initially")
        if not np.allclose(frame.box, parent.box, rtol=1e-5):
            raise InputError(
                path,
                f"the box changes from {parent.box.tolist()} to {frame.box.tolist()}",
                "run trajectories at constant volume",
            )
        if self.check_images and not frame.absolute:
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


def _other_times(path: Path, elapsed: float, times: Sequence[float]) -> InputError:
    return InputError(
        path,
        f"has a frame at time {elapsed:g}; the first trajectory has {len(times)} times: "
        + ", ".join(f"{t:g}" for t in times),
        "all trajectories must be stored at the same times",
    )
