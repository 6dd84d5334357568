"""What a model says of one configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.stages import Stages
from glasscast.errors import ShapeError


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelForecast:
    """Predicted target of every particle at every time of the model.

    Parameters
    ----------
    configuration : the snapshot that was asked about.
    model : name of the model.
    times : (T,) float64, the times the model was trained on, or the values of its stages.
    stages : what these rows are; by time where they are not given.
    values : (T, N) float32, in units of the target; NaN for species that the model does not
        predict, and throughout where it predicts pairs alone.
    target : field of Configuration that ``values`` forecasts.
    bond_change : (T, E) float32 or None, with ``bonds`` (2, E) int32 the pairs it belongs to.
    uncertainty : (T, N) float32 or None, one standard deviation of what is measured about it.
    spread : (T, N) float32 or None, standard deviation over the thermal copies that ``values`` is
        the mean of.
    """

    configuration: Configuration
    model: str
    times: NDArray[np.float64]
    values: NDArray[np.float32]
    target: str = "propensity"
    stages: Stages = field(default_factory=Stages)
    bonds: NDArray[np.int32] | None = None
    bond_change: NDArray[np.float32] | None = None
    uncertainty: NDArray[np.float32] | None = None
    spread: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.times), self.configuration.size)
        if self.values.shape != shape:
            raise ShapeError(f"forecast values must have shape {shape}, got {self.values.shape}")
        if self.stages.values and len(self.stages.values) != len(self.times):
            raise ShapeError(f"{len(self.stages.values)} stages for {len(self.times)} times")
        if not self.stages.values:
            object.__setattr__(self, "stages", Stages(values=tuple(map(float, self.times))))

    def record(self) -> dict[str, Any]:
        """Say what the columns of a file do not, as JSON values."""
        stages = self.stages.model_dump(mode="json", exclude_none=True)
        made = self.configuration.equilibrium
        return {
            "box": self.configuration.box.tolist(),
            "model": {"name": self.model},
            "stages": stages | {"labels": list(self.stages.labels)},
            "targets": [self.target, *(["bond_change"] if self.bond_change is not None else [])],
            "state_point": self.configuration.state_point.record(),
            "equilibrium": {k: how.model_dump(exclude_none=True) for k, how in made.items()},
        }

    @property
    def predicts_particles(self) -> bool:
        """Whether particles are forecast, not pairs alone."""
        return self.bond_change is None or bool(np.isfinite(self.values).any())

    def shared_rows(self, truth: Configuration, label: str | None = None) -> list[tuple[int, int]]:
        """Rows of forecast and truth that both have, where the truth is no row of NaN.

        Rows are the same by the values of their stages; a forecast by time is one of the rows of
        the same time, whatever they stand for.

        Parameters
        ----------
        label : field of the truth; that of the target by default.
        """
        rows: list[tuple[int, int]] = []
        label = label or self.target
        if self.stages.by not in ("time", truth.stages.by):
            return rows
        known = truth.times if self.stages.by == "time" else truth.stages.values
        for row, value in enumerate(self.times):
            for found in np.flatnonzero(np.isclose(known, value, rtol=1e-3, atol=0))[:1]:
                if getattr(truth, label) is None or truth.known_rows(label)[found]:
                    rows.append((row, int(found)))
        return rows

    def errors(self) -> NDArray[np.float64]:
        """Forecast minus what the labels of its own configuration say: (T, N).

        NaN where either is not known.
        """
        found = np.full(self.values.shape, np.nan)
        measured = getattr(self.configuration, self.target)
        if measured is not None:
            for row, true in self.shared_rows(self.configuration):
                found[row] = self.values[row].astype(np.float64) - measured[true]
        return found

    def label_variances(self) -> NDArray[np.float64]:
        """Variance of the noise of the labels, where the halves of the runs are known: (T, N).

        The estimate of one particle rests on two numbers: it tells something as a mean over many.
        """
        found = np.full(self.values.shape, np.nan)
        halves = self.configuration.propensity_halves if self.target == "propensity" else None
        if halves is not None:
            for row, true in self.shared_rows(self.configuration):
                found[row] = (halves[0, true].astype(np.float64) - halves[1, true]) ** 2 / 4
        return found
