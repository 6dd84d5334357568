"""Typed settings of the models that rest on chosen descriptors and positions of equilibrium."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from glasscast.config import Settings
from glasscast.models.hyperparameters import (
    Hyperparameters,
    NetworkHyperparameters,
    RidgeHyperparameters,
    TrainingSettings,
)


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

    @property
    def equilibrium(self) -> tuple[str, ...]:
        """Equilibrium positions of the quantity and of its coarse-graining."""
        wanted = {self.structure, self.quantity.removesuffix("-distance")}
        return tuple(key for key in ("inherent", "cage") if key in wanted)

    @property
    def reads_liquid(self) -> bool:
        """For energies, unless the settings name it."""
        return self.quantity == "energy" and self.liquid is None

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
        default=(1e-3, 1e-2, 1e-1, 1.0), min_length=1, description="values of C tried"
    )
    folds: int = Field(default=3, ge=2, description="cross-validation folds of configurations")


class StageSettings(Settings):
    """One stage of a training schedule; what it does not name is as in ``training``."""

    loss: Literal["error", "total"] = Field(
        description="the absolute error alone, or with variance and correlation terms"
    )
    learning_rate: float = Field(gt=0, description="of Adam, which starts anew")
    epochs: int = Field(ge=1)
    patience: int | None = Field(default=None, ge=1, description="as in `training`")


class GlassMlpHyperparameters(NetworkHyperparameters):
    """Bottleneck network on physical descriptors (Jung et al., PRL 130, 238202)."""

    name: Literal["glass-mlp"] = "glass-mlp"
    structure: Literal["positions", "inherent", "cage"] = "inherent"
    lengths: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        default=tuple(0.5 * k for k in range(16)),
        min_length=1,
        description="of coarse-graining, in sigma; 0 is the bare value of the particle",
    )
    cells: Literal["radical", "ordinary"] = Field(
        default="radical", description="Voronoi cells, with the radii of the species or without"
    )
    liquid: str | None = Field(
        default=None, description="interactions for energies; null: the one the data name"
    )
    bottleneck: int = Field(default=2, ge=1, description="width of the first layer")
    hidden: int = Field(default=10, ge=1, description="width of the two layers after it")
    variance_weight: float = Field(default=1.0, ge=0)
    correlation_weight: float = Field(default=0.5, ge=0)
    rings: tuple[Annotated[float, Field(ge=0)], ...] | None = Field(
        default=None,
        min_length=2,
        description="distances of the correlation term, in sigma; null: 2, 4, 6 (2D: 2, 5, 8)",
    )
    threshold: float | None = Field(
        default=None,
        description="target above which a particle is mobile; published 0.44 (3D), 0.40 (2D) near "
        "tau_alpha; null: the training mean of species and time",
    )
    steepness: float = Field(default=20.0, gt=0, description="of that step")
    stages: tuple[StageSettings, ...] = Field(
        default=(
            StageSettings(loss="error", learning_rate=5e-4, epochs=300),
            StageSettings(loss="error", learning_rate=2e-4, epochs=100, patience=15),
            StageSettings(loss="total", learning_rate=4e-5, epochs=50),
            StageSettings(loss="total", learning_rate=2e-5, epochs=100, patience=15),
        ),
        min_length=1,
    )
    training: TrainingSettings = Field(
        default=TrainingSettings(clip_norm=None, validation_fraction=0.25),
        description="epochs, learning rate and patience are those of the stages",
    )

    @property
    def reads_liquid(self) -> bool:
        """For energies, unless the settings name it."""
        return self.liquid is None

    @model_validator(mode="after")
    def _targets_are_standardised(self) -> Self:
        if self.training.normalisation != "dataset":
            raise ValueError("the loss is in units of the training set: normalisation: dataset")
        return self
