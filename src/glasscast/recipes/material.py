"""What a figure is drawn from: state points with their data, and forecasts made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import SAMPLE, Dataset
from glasscast.errors import InputError
from glasscast.evaluation.comparison import Cost
from glasscast.liquid.box import FloatArray
from glasscast.liquid.correlations import crossing_time
from glasscast.models.forecast import ModelForecast
from glasscast.models.selection import SelectionScores
from glasscast.training.history import Epoch

#: First peak of S(q), over sigma_AA: wave number where none was recorded.
_WAVE_NUMBER = 2 * np.pi
#: How far a time may be from the one wanted, as a factor.
_NEAR = 2.1
#: How far F_s may be from the one wanted.
_FAR_STAGE = 0.13


@dataclass(frozen=True)
class Moment:
    """One time of the data and what it stands for.

    Parameters
    ----------
    row : of the labels.
    time : in LJ units.
    wanted : as the paper names it: ``S = 0.8`` or ``t = 130``.
    """

    row: int
    time: float
    wanted: str

    @property
    def words(self) -> str:
        """What is wanted, and the time that stands for it."""
        exact = self.wanted == f"t = {self.time:g}"
        return self.wanted if exact else f"{self.wanted} (t = {self.time:g})"


@dataclass(frozen=True, eq=False)
class Point:
    """A state point: configurations to train on, others to test on.

    Parameters
    ----------
    name : for legends, such as ``T = 0.64``.
    liquid, temperature : as told by the data.
    train, test : with the same times.
    tau_alpha : relaxation time.
    stands_for : the paper's state point that it stands for; empty where it is one of them.
    folders : of the data sets.
    """

    name: str
    liquid: str | None
    temperature: float | None
    train: Dataset
    test: Dataset
    tau_alpha: float
    stands_for: str = ""
    folders: tuple[Path, ...] = ()

    @property
    def is_sample(self) -> bool:
        """Whether this is the sample that comes with the library."""
        return self.folders == (Path(SAMPLE),)

    @cached_property
    def tested(self) -> list[Configuration]:
        """Test configurations, read once."""
        return list(self.test)

    @cached_property
    def trained(self) -> list[Configuration]:
        """Training configurations, read once."""
        return list(self.train)

    @property
    def everything(self) -> list[Configuration]:
        """All configurations: for what is told of the truth alone."""
        same = self.train.names == self.test.names
        return self.tested if same else [*self.trained, *self.tested]

    @property
    def times(self) -> FloatArray:
        """Times of the labels (T,)."""
        return np.array(self.test.times)

    @cached_property
    def scattering(self) -> FloatArray:
        """F_s of species A at each time (T,): as recorded, else from the propensities.

        With Gaussian displacements of mean length S_i a particle gives
        exp(-pi q^2 S_i^2 / 16); recorded and estimated values differ by 0.04 at most at T = 0.64.
        """
        found = [_scattering(c) for c in self.tested]
        return np.asarray(np.mean(found, axis=0))

    @property
    def crossing(self) -> float:
        """Time where F_s is 1/e; NaN where the data do not reach it."""
        return crossing_time(self.times, self.scattering)

    def stage(self, value: float, label: str = "") -> Moment | None:
        """Time whose F_s is nearest to a value, if it is near at all."""
        away = np.abs(self.scattering - value)
        row = int(np.argmin(away))
        name = label or f"S = {value:g}"
        return Moment(row, float(self.times[row]), name) if away[row] < _FAR_STAGE else None

    def at(self, time: float, tau_alpha: float) -> Moment | None:
        """Time nearest to that of another state point at equal t / tau_alpha, if near at all.

        Parameters
        ----------
        time, tau_alpha : of the paper's state point.
        """
        wanted = time / tau_alpha * self.tau_alpha
        positive = np.where(self.times > 0, self.times, np.nan)
        away = np.abs(np.log(positive / wanted))
        row = int(np.nanargmin(away))
        if away[row] > np.log(_NEAR):
            return None
        return Moment(row, float(self.times[row]), f"t = {time:g}")

    def at_relaxation(self) -> Point:
        """Return the point with its time nearest to the relaxation time alone, numbered 1."""
        time = [float(self.times[self.nearest(self.tau_alpha)])]
        return replace(
            self,
            train=self.train.at_times(time).at_stages([1.0]),
            test=self.test.at_times(time).at_stages([1.0]),
            tau_alpha=1.0,
        )

    def nearest(self, wanted: float) -> int:
        """Row of the time nearest to one, on a log scale."""
        return int(np.argmin(np.abs(np.log(np.maximum(self.times, 1e-12) / wanted))))


def _scattering(configuration: Configuration) -> FloatArray:
    record = configuration.metadata.relaxation
    known = () if record is None else record.scattering
    if (
        record is not None
        and len(known) == len(configuration.times)
        and np.array_equal(record.times, configuration.times)
    ):
        return np.array(known)
    if configuration.propensity is None:
        raise InputError(configuration.name, "has no 'propensity'")
    lengths = configuration.propensity[:, configuration.types == 0].astype(np.float64)
    return np.asarray(np.exp(-np.pi * (_WAVE_NUMBER * lengths) ** 2 / 16).mean(axis=1))


@dataclass(frozen=True)
class Trained:
    """What a training left beside its forecasts.

    Parameters
    ----------
    cost : parameters, seconds, memory.
    history : one entry an epoch; empty where the model has none.
    """

    cost: Cost
    history: tuple[Epoch, ...] = ()


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that a drawing may ask for.

    Parameters
    ----------
    points : state points, the one that stands for the paper's first.
    repeats : (training, trained at, tested at) -> forecasts of the test configurations, once a
        seed, made when first asked for.
    trained : (training, trained at) -> what it left.
    selection : (training, trained at, row of a time) -> descriptors chosen one by one.
    settings : training -> settings of its model.
    scale : ``sample`` or ``paper``.
    threads : to compute with.
    """

    points: Sequence[Point]
    repeats: Callable[[str, Point, Point], Sequence[Sequence[ModelForecast]]]
    trained: Callable[[str, Point], Trained]
    selection: Callable[[str, Point, int], Sequence[SelectionScores]]
    settings: Callable[[str], Any]
    scale: str = "sample"
    threads: int = 1

    @property
    def point(self) -> Point:
        """The main state point."""
        return self.points[0]

    def forecast(self, training: str, at: Point, on: Point) -> Sequence[ModelForecast]:
        """Forecasts of one state point by a training at another; the first of several."""
        return self.repeats(training, at, on)[0]

    def forecasts(self, training: str, point: Point | None = None) -> Sequence[ModelForecast]:
        """Forecasts of a training at its own state point; the first of several."""
        at = self.point if point is None else point
        return self.forecast(training, at, at)

    def together(self) -> tuple[Point, list[Point]] | None:
        """Join the training data of all temperatures, each at its relaxation time alone.

        Returns
        -------
        A point with all of them, its one time numbered 1, and the points to test on, numbered
        alike; None where there is a single temperature.
        """
        held = [p for p in self.points if p.temperature is not None]
        if len(held) < 2:
            return None
        parts = [p.at_relaxation() for p in held]
        train = Dataset.join([p.train for p in parts])
        test = Dataset.join([p.test for p in parts])
        folders = tuple(folder for p in held for folder in p.folders)
        return Point("all T", held[0].liquid, None, train, test, 1.0, "", folders), parts

    def at_temperature(self, temperature: float) -> Point | None:
        """State point of a temperature, if the data hold it."""
        for point in self.points:
            if point.temperature is not None and abs(point.temperature - temperature) < 5e-3:
                return point
        return None
