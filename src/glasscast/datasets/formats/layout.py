"""The files of one configuration: where they lie, and how they are read.

One folder a configuration, one file or one folder a trajectory::

    ensemble/
      NAME/                 the name of the configuration
        initial.dump        optional: the parent; any snapshot format
        run1.dump           one trajectory each, in natural order of names
        run2.dump
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from glasscast.datasets.formats.format import FrameReader, ReadOptions
from glasscast.datasets.formats.units import Factors, find_factors
from glasscast.datasets.frames import Frame, StoredFrame
from glasscast.errors import InputError

#: Finds the reader of a file's frames.
FramesOf = Callable[[Path], FrameReader]


@dataclass(frozen=True)
class Parent:
    """The snapshot that all trajectories of a configuration start from.

    Parameters
    ----------
    frame : in reduced units.
    count : of how many frames in its file it is the last; 1 if it was taken from a trajectory.
    """

    frame: Frame
    count: int


@dataclass(frozen=True)
class Layout:
    """The files of one configuration and how to read them.

    Parameters
    ----------
    read_run : reads the frames of a trajectory.
    options : what a user says of them.
    initial : file of the parent; without it the parent is frame 0 of the first trajectory.
    read_initial : reads its frames.
    runs : files of the trajectories.
    factors : that make units reduced; None if they are.
    """

    read_run: FrameReader
    options: ReadOptions
    initial: Path | None
    read_initial: FrameReader
    runs: tuple[Path, ...]
    factors: Factors | None = None

    def with_factors(self) -> Layout:
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
        return next((frame.units for frame in reader(path, self.options.dimension)), None)

    def _reduced(self, frame: Frame) -> Frame:
        return frame if self.factors is None else self.factors.reduce(frame)

    def parent(self) -> Parent:
        """Read the parent.

        Raises
        ------
        InputError : if its file has no frame, or tells no species.
        """
        path = self.initial or self.runs[0]
        last, count = None, 0
        for stored in self.read_initial(path, self.options.dimension):
            last, count = stored.read(), count + 1
            if self.initial is None:
                break
        if last is None:
            raise InputError(path, "holds no frame")
        if not len(last.types):
            raise InputError(
                path,
                "tells no species",
                "put the parent beside the trajectories, as initial.data or in another format that "
                "tells them",
            )
        return Parent(self._reduced(last), count)

    def frames(self, run: int, parent: Frame) -> Iterator[StoredFrame]:
        """Go through the frames of a trajectory; what they do not tell is as in the parent."""
        for stored in self.read_run(self.runs[run], self.options.dimension):
            time = stored.time
            if self.factors is not None and time is not None:
                time /= self.factors.time

            def load(stored: StoredFrame = stored) -> Frame:
                return _completed(self._reduced(stored.read()), parent)

            yield replace(stored, load=load, time=time)

    def refuse_one_frame_a_file(self) -> None:
        """Refuse a trajectory that was written with each frame into a file of its own.

        Raises
        ------
        InputError : naming the command that joins them.
        """
        if len(self.runs) < 2:
            return
        clocks = set()
        for path in self.runs:
            found = list(islice(self.read_run(path, self.options.dimension), 2))
            if len(found) != 1:
                return
            clocks.add(found[0].clock(1.0))
        if len(clocks) > 1:
            first = self.runs[0]
            join = f"cat $(ls -v *{first.suffix}) > run1{first.suffix}"
            raise InputError(
                first.parent,
                f"has one frame a file: {len(self.runs)} files, {len(clocks)} times",
                "write each trajectory into one file"
                + (f", or join those of one: {join}" if first.suffix != ".gsd" else ""),
            )


def _completed(frame: Frame, parent: Frame) -> Frame:
    """Return a frame of a file that tells positions alone with what it shares with the parent."""
    corner = parent.corner
    # One of another dimension is refused later, by name.
    if frame.corner is None and corner is not None and len(corner) == frame.positions.shape[1]:
        frame = replace(frame, positions=frame.positions - corner)
    if len(frame.types):
        return frame
    return replace(frame, types=parent.types, ids=parent.ids, species=parent.species)
