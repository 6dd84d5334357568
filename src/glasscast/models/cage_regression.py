r"""CAGE: linear regression on the cage state, the initial state, and the distance between them.

Alkemade, Smallenburg, Filion, J. Chem. Phys. 158, 134512 (2023). The cage position of a particle
is its mean position while no hop is allowed; the distance from where it is now,

.. math:: d_i = |\mathbf r_i^{cage} - \mathbf r_i|,

tells how far it is displaced within its cage (Jiang et al. 2024, sections 1 and 2.2). The paper
does not print which structure each block of descriptors is taken on; here generations 0 to
``order`` of the shell descriptors of both structures enter, and d with as many shell averages on
the cage structure.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import FloatArray
from glasscast.models.lr import ShellRegression, ShellSettings
from glasscast.structure.descriptors.shell_averages import averaging_matrix, generations


class CageRegressionSettings(ShellSettings):
    """Regression on cage and initial structure (Alkemade et al., J. Chem. Phys. 158, 134512)."""

    presets: ClassVar = {"paper": {}}

    name: Literal["cage-lr"] = "cage-lr"
    structure: Literal["cage", "inherent"] = Field(
        default="cage", description="positions of equilibrium that are described"
    )
    initial: bool = Field(default=True, description="describe the initial positions as well")
    distance: bool = Field(
        default=True, description="add |equilibrium - initial| and its shell averages"
    )
    order: int = Field(default=2, ge=0, le=5, description="generations of shell averaging")
    shell_cutoff: float = Field(default=2.3, gt=0, description="r_c of the shell average, in sigma")


class CageRegression(ShellRegression):
    """Ridge regression on 2 x 1176 shell descriptors and three distances (two species, order 2).

    Invariant under translation, rotation, reflection and permutation.
    """

    settings: CageRegressionSettings
    settings_class: ClassVar = CageRegressionSettings

    def feature_names(self) -> list[str]:
        """Names of the descriptors: ``cage:X0:G(...)``, ``positions:X0:...``, ``X0:d``."""
        options = self.settings
        orders, names = range(options.order + 1), self.shells().feature_names()
        columns = [
            f"{structure}:X{n}:{name}"
            for structure in self._structures()
            for n in orders
            for name in names
        ]
        return columns + ([f"X{n}:d" for n in orders] if options.distance else [])

    def features(self, configuration: Configuration) -> FloatArray:
        """Descriptors of every particle: (N, F) float64.

        Raises
        ------
        ModelError : if the configuration lacks the positions of equilibrium.
        ShapeError : if there are so many neighbours that the units must be wrong.
        """
        options = self.settings
        blocks = [
            self.shell_features(
                configuration, structure, options.order, options.shell_cutoff, "both"
            )
            for structure in self._structures()
        ]
        if options.distance:
            positions = self.structure_of(configuration, options.structure)
            displacement = configuration.displacement_to(options.structure)
            distance = np.linalg.norm(displacement, axis=1)
            average = averaging_matrix(positions, configuration.box, options.shell_cutoff)
            blocks.append(generations(distance[:, None], average, options.order))
        return np.concatenate(blocks, axis=1)

    def _structures(self) -> list[str]:
        first: str = self.settings.structure
        return [first, "positions"] if self.settings.initial else [first]
