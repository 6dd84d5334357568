"""LR: ridge regression on shell-averaged radial and bond-orientational descriptors.

Boattini, Smallenburg, Filion, Phys. Rev. Lett. 127, 088007 (2021).
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.liquid.box import FloatArray
from glasscast.models.linear import LinearModel
from glasscast.models.settings import RidgeSettings
from glasscast.structure.descriptors.shell_averages import averaging_matrix, generations
from glasscast.structure.descriptors.shells import ShellDescriptors


class ShellSettings(RidgeSettings):
    """What every regression on shell descriptors can be told."""

    closest: float = Field(
        0.0,
        ge=0,
        description="radial shells nearer than this are left out; the smallest diameter for hard "
        "spheres, in sigma",
    )


class LinearSettings(ShellSettings):
    """Ridge regression on shell-averaged descriptors (Boattini et al., PRL 127, 088007)."""

    presets: ClassVar = {"paper": {}}

    name: Literal["lr"] = "lr"
    order: int = Field(2, ge=0, le=5, description="generations of shell averaging, n_max")
    descriptors: Literal["both", "radial", "angular"] = "both"
    structure: Literal["positions", "inherent", "cage"] = Field(
        "positions", description="field of Configuration that the descriptors describe"
    )
    shell_cutoff: float = Field(2.3, gt=0, description="r_c of the shell average, in sigma")


class ShellRegression(LinearModel):
    """A linear model that describes structures by generations of shell descriptors."""

    settings: ShellSettings

    def shells(self, kind: str = "both") -> ShellDescriptors:
        """Shells for the species seen in training: ``radial``, ``angular`` or ``both``."""
        shells = ShellDescriptors(max(self.species_) + 1).beyond(self.settings.closest)
        if kind == "radial":
            return replace(shells, angular_radii=np.empty(0))
        if kind == "angular":
            return replace(shells, radial=())
        return shells

    def shell_features(
        self, configuration: Configuration, structure: str, order: int, cutoff: float, kind: str
    ) -> FloatArray:
        """Compute generations 0 .. ``order`` of one structure: (N, F (order + 1)) float64.

        Raises
        ------
        ModelError : if the configuration lacks the structure.
        ShapeError : if there are so many neighbours that the units must be wrong.
        """
        positions = self.structure_of(configuration, structure)
        shells = self.shells(kind)
        key = (configuration.fingerprint(structure), shells.species, kind, self.settings.closest)
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


class ShellAveragedRegression(ShellRegression):
    """The paper's LR^(n_max): generations 0 .. ``order`` of 392 descriptors (two species).

    Invariant under translation, rotation, reflection and permutation. Cutoff: the descriptors
    of one generation see 5.5 sigma (3.1 for angular ones alone), each generation adds
    ``shell_cutoff``.
    """

    settings: LinearSettings
    settings_class: ClassVar = LinearSettings

    def feature_names(self) -> list[str]:
        """Names of the descriptors, ``X0:G(r=1.100,s=A)`` for generation 0."""
        names = self.shells(self.settings.descriptors).feature_names()
        return [f"X{n}:{name}" for n in range(self.settings.order + 1) for name in names]

    def features(self, configuration: Configuration) -> FloatArray:
        """Descriptors of every particle: (N, F) float64; see :meth:`shell_features`."""
        options = self.settings
        return self.shell_features(
            configuration,
            options.structure,
            options.order,
            options.shell_cutoff,
            options.descriptors,
        )
