"""Forecasts that are linear in a table of descriptors, however the weights came about."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import InputError, ModelError
from glasscast.liquid.box import FloatArray
from glasscast.models.base import Model
from glasscast.models.files import read_weights, write_model
from glasscast.models.forecast import ModelForecast
from glasscast.runtime import Workspace


class LinearForecaster(Model):
    """Weights per species and time on the descriptors of each particle.

    Attributes
    ----------
    weights_ : (S, F, T) float64, for raw descriptors.
    origin_ : (S, F) the point at which the descriptors contribute nothing.
    intercept_ : (S, T).
    penalty_ : (S, T) chosen penalties.
    """

    #: Arrays that are saved, without the underscore at their ends; float64 in memory.
    arrays: ClassVar[tuple[str, ...]] = ("weights", "origin", "intercept")
    weights_: FloatArray
    origin_: FloatArray
    intercept_: FloatArray
    penalty_: FloatArray

    @abstractmethod
    def features(self, configuration: Configuration) -> FloatArray:
        """Descriptors of every particle: (N, F) float64."""

    @abstractmethod
    def feature_names(self) -> list[str]:
        """Names of the F descriptors, in order."""

    def predict(self, configuration: Configuration) -> ModelForecast:
        """Forecast every particle of one snapshot."""
        self.check_structure(configuration)
        features = self.features(configuration)
        values = np.full((len(self.times_), configuration.size), np.nan, dtype=np.float32)
        for s, species in enumerate(self.species_):
            mine = configuration.types == species
            shifted = features[mine] - self.origin_[s]
            values[:, mine] = (shifted @ self.weights_[s] + self.intercept_[s]).T
        return ModelForecast(
            configuration=configuration,
            model=self.name,
            times=self.times_,
            stages=self.stages_,
            values=values,
            target=self.settings.target,
        )

    def parameter_count(self) -> int:
        """Weights in use and intercepts, over all species and times."""
        return int(np.count_nonzero(self.weights_)) + self.intercept_.size

    def record(self) -> dict[str, Any]:
        """Say what is saved as JSON."""
        return self.common_record() | {"penalty": self.penalty_.tolist()}

    def restore(self, record: dict[str, Any]) -> None:
        """Take up what :meth:`record` gave; KeyError, ValueError or TypeError if it cannot be."""
        self.restore_common(record)
        self.penalty_ = np.array(record["penalty"], dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the model; see :meth:`glasscast.models.base.Model.save`."""
        if not hasattr(self, "weights_"):
            raise ModelError("cannot save a model that is not fitted")
        weights = {key: getattr(self, f"{key}_") for key in self.arrays}
        write_model(folder, self.record(), weights, self.other_files())

    @classmethod
    def load(cls, folder: Path, workspace: Workspace | None = None) -> Self:
        """Read a saved model; see :meth:`glasscast.models.base.Model.load`."""
        record = cls.read_own_record(folder)
        arrays = read_weights(folder, record)
        try:
            settings = cls.settings_class.from_record(record["hyperparameters"])
            model = cls(settings.beside(folder), workspace)
            model.restore(record)
            for key in cls.arrays:
                setattr(model, f"{key}_", arrays[key].astype(np.float64))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(folder, f"holds no complete linear model ({error!r})") from None
        expected = (len(model.species_), len(model.feature_names()), len(model.times_))
        if model.weights_.shape != expected:
            raise InputError(
                folder, f"'weights' must have shape {expected}, got {model.weights_.shape}"
            )
        return model
