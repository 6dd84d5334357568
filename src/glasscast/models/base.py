"""The one face of every model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from glasscast.datasets.configuration import Configuration
from glasscast.models.forecast import Forecast
from glasscast.models.hyperparameters import Hyperparameters


class Model(ABC):
    """Fit on configurations, predict one, save and load; the same for ridge and GNN.

    The constructor only stores; ``fit`` learns. Models see configurations, never files of data.

    Attributes
    ----------
    name : key in the registry.
    dimensions : dimensions of space the model can work in.
    """

    name: ClassVar[str]
    dimensions: ClassVar[tuple[int, ...]] = (2, 3)

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        self.hyperparameters = hyperparameters

    @abstractmethod
    def fit(
        self,
        train: Sequence[Configuration],
        validation: Sequence[Configuration] = (),
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn from labelled configurations.

        Parameters
        ----------
        train, validation : labelled at the same times. A model that needs validation data and
            gets none splits it off the training configurations itself.
        seed : of everything random.
        checkpoint : file that holds the state of an unfinished fit; when it exists and belongs
            to this fit, the work goes on from there, with the identical result.

        Raises
        ------
        ModelError : if the configurations have no labels, differ in times, or have a dimension
            the model cannot work in.
        """

    @abstractmethod
    def predict(self, configuration: Configuration) -> Forecast:
        """Forecast every particle of one snapshot; its labels, if any, are not looked at.

        Raises
        ------
        ModelError : if the model is not fitted, or a species or dimension is new to it.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write ``model.json`` and ``weights.safetensors`` into a folder, atomically."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote; nothing in the files is executed.

        Raises
        ------
        InputError : naming the file and key that cannot be used.
        """
