"""What lies between a file and a configuration: frames, and ensembles of trajectories of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import EQUILIBRIUM_POSITIONS
from glasscast.datasets.metadata import Metadata
from glasscast.datasets.stages import Stages
from glasscast.errors import InputError, ShapeError
from glasscast.liquid.box import FloatArray, wrap


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The particles at one moment, their box and their clock, whichever file holds them.

    Parameters
    ----------
    positions : (N, d) from the lower corner of the box, in sigma.
    types : (N,) species from 0, in the same order in all frames of a file; empty where the file
        tells none, so that they are the parent's.
    box : (d,) sides.
    absolute : whether particles are followed across the faces (unwrapped coordinates or image
        flags); False for coordinates folded into the box.
    ids : (N,) names of the particles, unique and ascending; None where the file has none.
    velocities : (N, d), where the file has them.
    step : number of the integration step, if the file tells.
    time : in LJ units, if the file tells.
    species : what the file calls the species, in their order, where names do not tell it.
    units : style of the units, where the file names it.
    noted : whether ``step`` is only a note, which a run that begins there need not go on from.
    corner : (d,) lower corner of the box in the coordinates of the file; None where the file does
        not tell it, so that ``positions`` are as in the file.
    """

    positions: FloatArray
    types: NDArray[np.int8]
    box: FloatArray
    absolute: bool
    ids: NDArray[np.int64] | None = None
    velocities: FloatArray | None = None
    step: int | None = None
    time: float | None = None
    species: tuple[str, ...] = ()
    units: str | None = None
    noted: bool = False
    corner: FloatArray | None = None

    def clock(self, timestep: float | None) -> float | None:
        """Time of the frame: its own, or step times ``timestep``; None if unknown."""
        return _clock(self.time, self.step, timestep)


def _clock(time: float | None, step: int | None, timestep: float | None) -> float | None:
    if time is not None:
        return time
    return None if step is None or timestep is None else step * timestep


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredFrame:
    """A frame in a file of which only the clock has been read.

    Parameters
    ----------
    load : reads the whole frame, while the file stands at it.
    Others are as in :class:`Frame`.
    """

    load: Callable[[], Frame]
    absolute: bool
    step: int | None = None
    time: float | None = None
    units: str | None = None

    def read(self) -> Frame:
        """Read the frame, once; before the next one is asked for."""
        return self._frame

    @cached_property
    def _frame(self) -> Frame:
        return self.load()

    def clock(self, timestep: float | None) -> float | None:
        """Time of the frame; see :meth:`Frame.clock`."""
        return _clock(self.time, self.step, timestep)


class RunFrame(NamedTuple):
    """One trajectory at one time.

    Parameters
    ----------
    row : of its time among those of the ensemble.
    run : number of the trajectory.
    positions : (N, d).
    source : the file it was read from.
    """

    row: int
    run: int
    positions: FloatArray
    source: Path


class StageRows(NamedTuple):
    """Stages of relaxation, and which time each of them is taken at.

    Parameters
    ----------
    stages : in order of time.
    rows : of the times of the ensemble, one a stage; several stages may share one.
    """

    stages: Stages
    rows: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A parent and a way to stream its isoconfigurational trajectories, not yet reduced.

    :mod:`glasscast.datasets.targets` turns it into a
    :class:`~glasscast.datasets.configuration.Configuration`.

    Parameters
    ----------
    name : of the configuration.
    sources : the files it was read from; their contents decide whether a rerun is needed.
    parent : at t = 0 as the file has it, folded or not.
    times : (T,) increasing; empty for a bare snapshot.
    frames : called without arguments, yields the frames in any order.
    wrapped : whether these are folded into the box, so that displacements need the minimum
        image, which is right only while no particle moves half a box side.
    partial : whether a time may be without trajectories; its labels are NaN then.
    labels : fields of Configuration that the file already holds.
    stages : that the rows of the configuration are to be; None: they are the times.
    metadata : JSON values for the configuration.
    """

    name: str
    sources: tuple[Path, ...]
    parent: Frame
    times: FloatArray = field(default_factory=lambda: np.empty(0))
    frames: Callable[[], Iterator[RunFrame]] = lambda: iter(())
    wrapped: bool = False
    partial: bool = False
    labels: dict[str, NDArray[Any]] = field(default_factory=dict)
    stages: StageRows | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def remarked(self, remarks: Sequence[str]) -> Ensemble:
        """Return the ensemble with further remarks in its metadata."""
        if not remarks:
            return self
        told = [*self.metadata.get("remarks", ()), *remarks]
        return replace(self, metadata=self.metadata | {"remarks": told})

    def at(self, rows: Sequence[int]) -> Ensemble:
        """Return the ensemble at some of its times; they are then no stages any more."""
        if len(rows) == len(self.times):
            return self
        kept = {row: k for k, row in enumerate(rows)}

        def frames() -> Iterator[RunFrame]:
            for frame in self.frames():
                if frame.row in kept:
                    yield frame._replace(row=kept[frame.row])

        labels = {
            key: value if key in EQUILIBRIUM_POSITIONS else value[list(rows)]
            for key, value in self.labels.items()
        }
        times = self.times[list(rows)]
        return replace(self, times=times, frames=frames, labels=labels, stages=None)

    def snapshot(self) -> Configuration:
        """Return the parent, folded into its box, with its equilibrium positions.

        Raises
        ------
        InputError : if it breaks the contract of Configuration.
        """
        try:
            return self.configuration(
                {key: self.labels[key] for key in EQUILIBRIUM_POSITIONS if key in self.labels}
            )
        except ShapeError as error:
            raise InputError(self.sources[0], str(error)) from None

    def configuration(self, fields: dict[str, Any]) -> Configuration:
        """Return the parent, folded into its box, with some further fields.

        Raises
        ------
        ShapeError : if they break the contract of Configuration.
        """
        box = self.parent.box
        found = [key for key in EQUILIBRIUM_POSITIONS if key in fields]
        return Configuration(
            name=self.name,
            positions=wrap(self.parent.positions, box),
            types=self.parent.types,
            ids=self.parent.ids,
            box=box,
            metadata=Metadata.of(self.metadata, tuple(self.times.tolist())),
            **fields | {key: wrap(fields[key], box) for key in found},
        )
