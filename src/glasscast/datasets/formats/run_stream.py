"""The trajectories of a configuration, streamed and held against their parent frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasscast.datasets.formats.checks import refuse_other_particles
from glasscast.datasets.formats.clocks import (
    SAME,
    elapsed_times,
    out_of_order,
    same_time,
    shows,
)
from glasscast.datasets.formats.layout import Layout
from glasscast.datasets.frames import Frame, RunFrame
from glasscast.datasets.times import listed
from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray, minimum_image

#: In box sides: nothing that moved less is mistaken for another image.
_NEAR = 0.25


@dataclass(frozen=True)
class RunStream:
    """Streams the trajectories one file after the other; called for every pass.

    Parameters
    ----------
    layout : the files.
    times : all at which the first trajectory has a frame after the parent.
    rows : of them, those that are kept; other frames are not read but for their clock.
    absolute : whether all frames of the first trajectory are followed across the faces.
    """

    layout: Layout
    times: Sequence[float]
    rows: Sequence[int]
    absolute: bool

    def __call__(self) -> Iterator[RunFrame]:
        """Yield the kept frames; their rows count those that are kept.

        Raises
        ------
        InputError : for a trajectory that does not belong to the parent or to the first one.
        """
        parent = self.layout.parent().frame
        for run, path in enumerate(self.layout.runs):
            yield from self._stream(run, path, parent)

    def _stream(self, run: int, path: Path, parent: Frame) -> Iterator[RunFrame]:
        kept = {row: k for k, row in enumerate(self.rows)}
        shift: FloatArray | float | None = None
        row, last = -1, parent
        frames = self.layout.frames(run, parent)
        for elapsed, stored in elapsed_times(path, frames, parent, self.layout.options.timestep):
            if elapsed == 0:
                frame = self._checked(path, stored.read(), parent)
                shift = _images_between(path, frame, parent)
                continue
            if row >= 0 and same_time(elapsed, self.times[row]):
                # A run that goes on from a restart writes its first frame again.
                if row in kept and not shows(stored.read(), last):
                    raise out_of_order(path, self.times[row], elapsed)
                continue
            row += 1
            if row == len(self.times) or not same_time(elapsed, self.times[row]):
                raise InputError(
                    path,
                    f"has a frame at time {elapsed:g}; the first trajectory has the times "
                    f"{listed(self.times)}",
                    "all trajectories must be stored at the same times",
                )
            if shift is not None and row not in kept:
                continue
            last = self._checked(path, stored.read(), parent)
            if shift is None:
                shift = 0.0 if self._folded else _images_after(path, last, parent)
            if row in kept:
                yield RunFrame(kept[row], run, last.positions - shift, path)
        if row + 1 < len(self.times):
            raise InputError(
                path, f"ends after {row + 1} of {len(self.times)} times", "the run did not finish"
            )

    @property
    def _folded(self) -> bool:
        wrapped = self.layout.options.wrapped
        return not self.absolute if wrapped is None else wrapped

    def _checked(self, path: Path, frame: Frame, parent: Frame) -> Frame:
        """Return a frame that is of the particles, species and box of the parent.

        Raises
        ------
        InputError : if it is not, or is folded among absolute ones.
        """
        if frame.positions.shape != parent.positions.shape:
            raise InputError(
                path,
                f"has a frame of (N, d) = {frame.positions.shape}, the initial configuration has "
                f"{parent.positions.shape}",
            )
        refuse_other_particles(path, frame, parent)
        if frame.species and parent.species and frame.species != parent.species:
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
        return frame


def _images_between(path: Path, frame: Frame, parent: Frame) -> FloatArray:
    """Whole box sides between a trajectory's first frame and the parent, (N, d).

    Raises
    ------
    InputError : if they are not the same configuration.
    """
    moved = frame.positions - parent.positions
    away = np.abs(minimum_image(moved, parent.box))
    if np.any(away > SAME):
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
