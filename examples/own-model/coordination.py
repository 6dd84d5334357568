"""A model of one's own: how many neighbours of each species, and a straight line."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from glasscast.liquid.neighbours import find_neighbours
from glasscast.models.linear import LinearModel
from glasscast.models.settings import RidgeSettings


class CoordinationSettings(RidgeSettings):
    """What an experiment file may say of the model."""

    name: Literal["coordination"] = "coordination"
    cutoff: float = Field(default=1.4, gt=0, description="neighbours are closer, in sigma")


class Coordination(LinearModel):
    """Ridge regression on coordination numbers."""

    settings: CoordinationSettings
    settings_class: ClassVar = CoordinationSettings

    def feature_names(self):
        """One column a species."""
        return [f"neighbours of species {species}" for species in self.species_]

    def features(self, configuration):
        """Coordination numbers of every particle: (N, S)."""
        near = find_neighbours(configuration.positions, configuration.box, self.settings.cutoff)
        kinds = configuration.types[near.senders]
        counts = [
            np.bincount(near.receivers[kinds == s], minlength=configuration.size)
            for s in self.species_
        ]
        return np.stack(counts, axis=1).astype(float)
