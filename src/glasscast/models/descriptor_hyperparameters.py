"""Typed settings of the models that rest on chosen descriptors and positions of equilibrium."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from glasscast.models.hyperparameters import Hyperparameters, RidgeHyperparameters


class CageHyperparameters(RidgeHyperparameters):
    """Regression on cage and initial structure (Alkemade et al., J. Chem. Phys. 158, 134512)."""

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


class StructuralHyperparameters(RidgeHyperparameters):
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

    @model_validator(mode="after")
    def _density_needs_a_length(self) -> Self:
        if self.quantity == "density" and self.length == 0:
            raise ValueError("the density needs a 'length' above 0 to be taken over")
        return self


class SvmHyperparameters(Hyperparameters):
    """Linear support vector machine on structure functions (Cubuk et al., PRL 114, 108001)."""

    name: Literal["svm"] = "svm"
    task: Literal["softness", "regression"] = Field(
        default="softness",
        description="softness: distance to the hyperplane between fast and slow particles; "
        "regression: of the target itself",
    )
    structure: Literal["positions", "inherent", "cage"] = "positions"
    fraction: float = Field(
        default=0.1, gt=0, le=0.5, description="share of particles that are fast, and slow"
    )
    examples: int = Field(
        default=5000, ge=10, description="particles of each class learned from, per species, time"
    )
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1e-4, 1e-3, 1e-2, 1e-1), min_length=1, description="values of C tried"
    )
    folds: int = Field(default=3, ge=2, description="cross-validation folds of configurations")
