"""LR: ridge regression on shell-averaged radial and bond-orientational descriptors.

Boattini, Smallenburg, Filion, Phys. Rev. Lett. 127, 088007 (2021).
"""

from __future__ import annotations

import numpy as np

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ModelError, ShapeError
from glasscast.models.linear import LinearModel
from glasscast.models.ridge import FloatArray
from glasscast.structure.descriptors.averaging import averaging_matrix, generations
from glasscast.structure.descriptors.shells import ShellDescriptors
from glasscast.structure.workspace import structure_key


class ShellAveragedRegression(LinearModel):
    """The paper's LR^(n_max): generations 0 .. ``order`` of 392 descriptors (two species).

    Invariant under translation, rotation, reflection and permutation. Cutoff: the descriptors
    of one generation see 5.5 sigma (3.1 for angular ones alone), each generation adds
    ``shell_cutoff``.
    """

    def _shells(self) -> ShellDescriptors:
        kind = self.hyperparameters.descriptors
        shells = ShellDescriptors(max(self.species_) + 1)
        if kind == "radial":
            return ShellDescriptors(shells.species, angular_radii=np.empty(0))
        if kind == "angular":
            return ShellDescriptors(shells.species, radial=())
        return shells

    def feature_names(self) -> list[str]:
        """Names of the descriptors, ``X0:G(r=1.100,s=A)`` for generation 0."""
        names = self._shells().feature_names()
        return [f"X{n}:{name}" for n in range(self.hyperparameters.order + 1) for name in names]

    def features(self, configuration: Configuration) -> FloatArray:
        """Descriptors of every particle: (N, F) float64.

        Raises
        ------
        ModelError : if the configuration lacks the structure the model describes.
        ShapeError : if the box is smaller than twice a cutoff.
        """
        structure = self.hyperparameters.structure
        positions: FloatArray | None = getattr(configuration, structure)
        if positions is None:
            raise ModelError(f"{configuration.name} has no '{structure}' positions")
        shells, order = self._shells(), self.hyperparameters.order
        key = (
            structure_key(configuration, structure),
            shells.species,
            self.hyperparameters.descriptors,
        )
        cutoff = self.hyperparameters.shell_cutoff
        try:
            first = self.workspace.remember(
                key,
                lambda: shells.compute(
                    positions, configuration.types, configuration.box, self.workspace.threads
                ),
            )
            if order == 0:
                return first
            average = averaging_matrix(positions, configuration.box, cutoff)
        except ShapeError as error:
            raise ShapeError(f"{configuration.name}: {error}") from None
        return generations(first, average, order)
