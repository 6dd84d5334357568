r"""Structural baselines: one quantity of the structure, without learning.

Local density, coarse-grained potential energy, bond order, and the distances to the inherent and
to the cage position. A straight line per species and time, fitted on the training data, gives the
quantity the sign and the unit of the target; it leaves the modulus of a correlation within one
species as it is. Coarse-graining is exponential,

.. math:: \bar x_i(L) = \frac{\sum_j e^{-r_{ij}/L} x_j}{\sum_j e^{-r_{ij}/L}},

over all species, the particle included (Jung, Biroli, Berthier, Phys. Rev. Lett. 130, 238202
(2023)); the density is the denominator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.records import EquilibriumField
from glasscast.liquid.box import FloatArray
from glasscast.models.linear import LinearModel
from glasscast.models.settings import RidgeSettings, fields_among, liquid_file
from glasscast.structure.descriptors.coarse_graining import coarse_grain
from glasscast.structure.descriptors.shells import ShellDescriptors
from glasscast.structure.energies import particle_energies

#: The first coordination shell of the Kob-Andersen mixture, for the local bond order.
_BOND_RADIUS, _BOND_WIDTH, _BOND_DEGREE = 1.1, 0.15, 6


class StructuralSettings(RidgeSettings):
    """One structural quantity, brought to the unit of the target by a straight line."""

    name: Literal["structural"] = "structural"
    quantity: Literal["density", "energy", "bond-order", "inherent-distance", "cage-distance"] = (
        "energy"
    )
    structure: Literal["positions", "inherent", "cage"] = Field(
        default="inherent",
        description="positions the quantity and its coarse-graining are taken on",
    )
    length: float = Field(
        default=2.0, ge=0, description="of exponential coarse-graining, in sigma; 0 for none"
    )
    liquid: str | None = Field(
        default=None, description="interactions for energies; null: the one the data name"
    )
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1e-6,), min_length=1, description="a straight line needs none to speak of"
    )

    @property
    def equilibrium_positions(self) -> tuple[EquilibriumField, ...]:
        """Those of the quantity and of its coarse-graining."""
        return fields_among({self.structure, self.quantity.removesuffix("-distance")})

    @property
    def files(self) -> dict[str, Path]:
        """File of a liquid of one's own."""
        return liquid_file(self.liquid)

    @property
    def reads_liquid(self) -> bool:
        """For energies, unless the settings name it."""
        return self.quantity == "energy" and self.liquid is None

    @model_validator(mode="after")
    def _density_needs_a_length(self) -> Self:
        if self.quantity == "density" and self.length == 0:
            raise ValueError("the density needs a 'length' above 0 to be taken over")
        return self


class StructuralBaseline(LinearModel):
    """A quantity that people held for a predictor of the dynamics.

    Invariant under translation, rotation, reflection and permutation.
    """

    settings: StructuralSettings
    settings_class: ClassVar = StructuralSettings

    def feature_names(self) -> list[str]:
        """Name of the quantity."""
        options = self.settings
        coarse = f"(L={options.length:g})" if options.length else ""
        return [f"{options.quantity}{coarse}"]

    def features(self, configuration: Configuration) -> FloatArray:
        """Quantity of every particle: (N, 1) float64.

        Raises
        ------
        ModelError : if the configuration lacks the structure, or its liquid is not known.
        """
        options = self.settings
        positions = self.structure_of(configuration, options.structure)
        values = self._quantity(configuration, positions)
        if options.length == 0:
            return values[:, None]
        sums = coarse_grain(
            positions,
            np.zeros(configuration.size, dtype=np.int8),  # all species as one
            configuration.box,
            np.stack([np.ones_like(values), values], axis=1),
            [options.length],
            1,
            self.workspace.threads,
        )
        density, weighted = sums[0, 0]
        found = density if options.quantity == "density" else weighted / density
        return np.asarray(found[:, None])

    def _quantity(self, configuration: Configuration, positions: FloatArray) -> FloatArray:
        """Bare quantity of every particle: (N,)."""
        options, box = self.settings, configuration.box
        if options.quantity == "density":
            return np.ones(configuration.size)
        if options.quantity == "energy":
            return particle_energies(configuration, positions, options.liquid)
        if options.quantity == "bond-order":
            shells = ShellDescriptors(
                1,
                radial=(),
                angular_radii=np.array([_BOND_RADIUS]),
                angular_width=_BOND_WIDTH,
                degrees=_BOND_DEGREE,
            )
            one = np.zeros(configuration.size, dtype=np.int8)
            return shells.compute(positions, one, box, self.workspace.threads)[:, -1]
        field = options.quantity.removesuffix("-distance")
        self.structure_of(configuration, field)
        displacement = configuration.displacement_to(field)
        return np.asarray(np.linalg.norm(displacement, axis=1))
