"""Ordinary long runs: every frame is a configuration, labelled by those before and after it.

In equilibrium the run from a frame on is one trajectory of its isoconfigurational ensemble, and so
is the run up to it, read backwards: equations of motion are reversible, and the velocities of a
frame are Maxwell-Boltzmann. So the label of a frame at a lag is the mean over the frame that much
later and the one that much earlier, as far as the run goes. Both share the velocities: at lags
shorter than these are remembered they are equal, later they are independent given the structure,
and their correlation over particles is the reliability of a single run.

Frames may be at any times: a pair belongs to a lag if its times differ by that to one part in a
thousand. The motion of the centre of all particles is taken out. Neighbouring frames share most of
what happens to them, so they add less than their number: configurations ``stride`` frames apart
share the part 1 - stride x spacing / lag of their windows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from glasscast.datasets.frames import Ensemble, RunFrame
from glasscast.datasets.stationarity import Drift, drift_of
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.box import FloatArray, minimum_image
from glasscast.liquid.correlations import self_intermediate_scattering
from glasscast.liquid.definition import load_liquid

_SAME_TIME = 1e-3
#: In dense liquids velocities are forgotten by then, so that later and earlier are independent.
_FORGOTTEN = 2.0
#: Of F_s by age, in units of the diameter of A.
_WAVENUMBER = 2 * np.pi


@dataclass(frozen=True)
class _Moment:
    """A frame of a run, followed across the faces, at rest on the whole."""

    number: int
    time: float
    positions: FloatArray


@dataclass
class Chains:
    """Reads runs as chains, and gathers what is to be said of them.

    Parameters
    ----------
    lags : times of the labels.
    stride : frames from one configuration to the next.
    every : time from one to the next instead, where frames are not equally far apart.

    Raises
    ------
    SettingsError : without lags: which motion is meant cannot be guessed.
    """

    lags: Sequence[float]
    stride: int = 1
    every: float | None = None
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    _agreement: dict[tuple[str, float], list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.lags:
            raise SettingsError("a chain needs the times of its labels", "times")
        self.lags = tuple(sorted({float(lag) for lag in self.lags}))
        if self.lags[0] <= 0 or self.stride < 1:
            raise SettingsError("times are positive, the stride is at least 1", "times")

    def read(self, run: Ensemble, liquid: str | None = None) -> Iterator[Ensemble]:
        """Yield the frames of one run, each with the frames that label it.

        Parameters
        ----------
        run : an ensemble of one trajectory, all frames of it.
        liquid : name or file, for the energy by age; None: that of the file.

        Raises
        ------
        InputError : if it has several trajectories, or no pair of frames at some lag.
        """
        told = _Told(run, self.lags, liquid or run.metadata.get("liquid"))
        root = run.snapshot().fingerprint()[:16]
        window = deque[_Moment]()
        waiting = deque[_Moment]()
        for moment in _moments(run, told):
            window.append(moment)
            if self._is_one(moment):
                waiting.append(moment)
            reach = (1 + _SAME_TIME) * self.lags[-1]
            while waiting and moment.time > waiting[0].time + reach:
                yield from self._labelled(run, waiting.popleft(), window, told, root)
            while window[0].time < (waiting[0].time if waiting else moment.time) - reach:
                window.popleft()
        for moment in waiting:
            yield from self._labelled(run, moment, window, told, root)
        self._finish(run, told)

    def reliability(self) -> dict[str, dict[str, float]]:
        """Reliability of a single run's propensity, species -> time -> share of signal.

        It is the correlation of forward with backward, once the velocities are forgotten.
        """
        found: dict[str, dict[str, float]] = {}
        for (species, lag), values in sorted(self._agreement.items()):
            if lag >= _FORGOTTEN:
                share = max(0.0, float(np.mean(values)))
                found.setdefault(species, {})[f"{lag:g}"] = round(share, 3)
        return found

    def _is_one(self, moment: _Moment) -> bool:
        """Whether a frame is a configuration."""
        if self.every is None:
            return moment.number % self.stride == 0
        nearest = round(moment.time / self.every) * self.every
        return abs(moment.time - nearest) <= _SAME_TIME * min(self.every, self.lags[0])

    def _labelled(
        self,
        run: Ensemble,
        here: _Moment,
        window: Sequence[_Moment],
        told: _Told,
        root: str,
    ) -> Iterator[Ensemble]:
        """Yield the configuration of a frame, if any other frame labels it."""
        frames = []
        for row, lag in enumerate(self.lags):
            ends = (_at(window, here.time + lag, lag), _at(window, here.time - lag, lag))
            frames += [
                RunFrame(row, side, end.positions, run.sources[0])
                for side, end in enumerate(ends)
                if end is not None
            ]
            told.count(row, here, *ends)
        told.look(here)
        if not frames:
            return
        origin = {"kind": "chain", "parent": run.name, "root": root, "time": here.time}
        yield Ensemble(
            name=f"{run.name}-{here.number:04d}",
            sources=run.sources,
            parent=replace(run.parent, positions=here.positions, absolute=True, step=None),
            times=np.array(self.lags),
            frames=partial(iter, tuple(frames)),
            partial=True,
            metadata=dict(run.metadata) | {"origin": origin},
        )

    def _finish(self, run: Ensemble, told: _Told) -> None:
        """Record a run; say what is wrong with it."""
        for row, lag in enumerate(self.lags):
            if not told.pairs[row]:
                raise InputError(
                    run.sources[0],
                    f"has no two frames that are {lag:g} apart",
                    f"its {len(told.times)} frames lie {_spacing_text(told.times)}",
                    "times",
                )
        self.records[run.name] = told.record(self.stride, self.every)
        for key, found in told.agreement.items():
            self._agreement.setdefault(key, []).extend(found)
        for what, drift in told.drifts().items():
            if drift is not None and drift.is_one:
                first = f"from its first {drift.ages} frames to its second half"
                span = "along it" if drift.ages > len(told.times) / 2 else first
                self.remarks.append(
                    f"{run.name} is not stationary: {what} changes by {drift.change:.3g} "
                    f"(error {drift.error:.2g}) {span}; leave out what is not in equilibrium"
                )


def _moments(run: Ensemble, told: _Told) -> Iterator[_Moment]:
    """Frames in order of time, from the first on, without the motion of the centre."""
    start, box = run.parent.positions, run.parent.box
    yield told.seen(_Moment(0, 0.0, start))
    before, place = start, start
    for number, frame in enumerate(run.frames(), start=1):
        if frame.run > 0:
            raise InputError(
                frame.source, "is one of several runs from one start", "give one run", "reading"
            )
        moved = frame.positions - before
        place = place + (minimum_image(moved, box) if run.wrapped else moved)
        before = frame.positions
        centre = (place - start).mean(axis=0)
        told.centre = max(told.centre, float(np.linalg.norm(centre)))
        yield told.seen(_Moment(number, float(run.times[frame.row]), place - centre))


def _at(window: Sequence[_Moment], time: float, lag: float) -> _Moment | None:
    """Frame at a time, to one part in a thousand of a lag."""
    near = bisect_left(window, time - _SAME_TIME * lag, key=lambda moment: moment.time)
    if near < len(window) and window[near].time <= time + _SAME_TIME * lag:
        return window[near]
    return None


class _Told:
    """What is found on the way along one run."""

    def __init__(self, run: Ensemble, lags: Sequence[float], liquid: str | None) -> None:
        self.run, self.lags = run, lags
        self.liquid = None if liquid is None else load_liquid(str(liquid))
        self.times: list[float] = []
        self.centre = 0.0
        self.pairs = [0] * len(lags)
        self.energies: list[float] = []
        self.scattering: list[float] = []
        self.span = 0.0  # from the first to the last frame that F_s is measured from
        self.agreement: dict[tuple[str, float], list[float]] = {}
        names, types = run.snapshot().species_names, run.parent.types
        self._species = {names[s]: types == s for s in np.unique(types)}

    def seen(self, moment: _Moment) -> _Moment:
        """Note a frame."""
        self.times.append(moment.time)
        return moment

    def look(self, here: _Moment) -> None:
        """Measure the potential energy of a configuration."""
        if self.liquid is not None:
            parent = self.run.parent
            found = self.liquid.energies(here.positions, parent.types, parent.box)
            self.energies.append(float(np.mean(found)))

    def count(
        self, row: int, here: _Moment, later: _Moment | None, earlier: _Moment | None
    ) -> None:
        """Note the pairs of a configuration at a lag."""
        moved = [end.positions - here.positions for end in (later, earlier) if end is not None]
        self.pairs[row] += len(moved)
        for species, mine in self._species.items():
            lengths = [np.linalg.norm(each[mine], axis=1) for each in moved]
            if len(lengths) == 2 and all(each.std() > 0 for each in lengths):
                same = self.agreement.setdefault((species, self.lags[row]), [])
                same.append(float(np.corrcoef(*lengths)[0, 1]))
        if row == len(self.lags) - 1 and later is not None:
            first = next(iter(self._species.values()))
            found = self_intermediate_scattering(moved[0][first], _WAVENUMBER)
            self.scattering.append(float(found))
            self.span = here.time

    def drifts(self) -> dict[str, Drift | None]:
        """Drift with age of what should have none."""
        lag, frames = self.lags[-1], max(1, len(self.scattering))
        window = lag * (frames - 1) / max(self.span, lag)
        return {
            "the potential energy": drift_of(self.energies),
            f"F_s(2 pi, {lag:g})": drift_of(self.scattering, max(1.0, window)),
        }

    def record(self, stride: int, every: float | None) -> dict[str, Any]:
        """Return it all as JSON values."""
        drifts = dict(zip(("energy", "scattering"), self.drifts().values(), strict=True))
        known = {key: drift for key, drift in drifts.items() if drift is not None}
        spacing = np.diff(self.times)
        equal = bool(np.ptp(spacing) <= _SAME_TIME * spacing.mean())
        step = every or (float(spacing.mean()) * stride if equal else None)
        overlap = [
            None if step is None else round(max(0.0, 1 - step / lag), 3) for lag in self.lags
        ]
        return {
            "frames": len(self.times),
            "spacing": float(f"{spacing.mean():.6g}") if equal else None,
            **({"stride": stride} if every is None else {"every": every}),
            "pairs": list(self.pairs),
            "shared_windows": overlap,
            "drift_removed": True,
            "centre_moved": float(f"{self.centre:.3g}"),
            "stationary": None if not known else not any(d.is_one for d in known.values()),
            "drifts": {key: drift.record() for key, drift in known.items()},
        }


def _spacing_text(times: Sequence[float]) -> str:
    gaps = np.diff(times)
    if not len(gaps):
        return "at one time"
    if np.ptp(gaps) <= _SAME_TIME * gaps.mean():
        return f"{gaps.mean():g} apart"
    return f"{gaps.min():g} to {gaps.max():g} apart"
