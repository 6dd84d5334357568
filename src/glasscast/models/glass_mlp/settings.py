"""Settings of GlassMLP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from glasscast.config import Settings
from glasscast.models.settings import NetworkSettings, liquid_file
from glasscast.training.settings import TrainingSettings


class PhaseSettings(Settings):
    """One phase of a training schedule; what it does not name is as in ``training``."""

    loss: Literal["error", "total"] = Field(
        description="the absolute error alone, or with variance and correlation terms"
    )
    learning_rate: float = Field(gt=0, description="of Adam, which starts anew")
    epochs: int = Field(ge=1)
    patience: int | None = Field(default=None, ge=1, description="as in `training`")


class GlassMlpSettings(NetworkSettings):
    """Bottleneck network on physical descriptors (Jung et al., PRL 130, 238202)."""

    renamed: ClassVar = {"stages": "phases"}
    presets: ClassVar = {
        "paper": {"threshold": 0.44},
        "released": {"threshold": 0.44, "training": {"validation_fraction": 0.5}},
    }

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
    bottleneck: int = Field(default=2, ge=1, le=4096, description="width of the first layer")
    hidden: int = Field(default=10, ge=1, le=4096, description="width of the two layers after it")
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
    phases: tuple[PhaseSettings, ...] = Field(
        default=(
            PhaseSettings(loss="error", learning_rate=5e-4, epochs=300),
            PhaseSettings(loss="error", learning_rate=2e-4, epochs=100, patience=15),
            PhaseSettings(loss="total", learning_rate=4e-5, epochs=50),
            PhaseSettings(loss="total", learning_rate=2e-5, epochs=100, patience=15),
        ),
        min_length=1,
    )
    training: TrainingSettings = Field(
        default=TrainingSettings(clip_norm=None, validation_fraction=0.25),
        description="epochs, learning rate and patience are those of the phases",
    )

    @property
    def files(self) -> dict[str, Path]:
        """File of a liquid of one's own."""
        return liquid_file(self.liquid)

    @property
    def extras(self) -> tuple[str, ...]:
        """For Voronoi cells, besides those for inherent structures."""
        return (*super().extras, "voronoi")

    @property
    def reads_liquid(self) -> bool:
        """For energies, unless the settings name it."""
        return self.liquid is None

    @model_validator(mode="after")
    def _targets_are_standardised(self) -> Self:
        if self.training.normalisation != "dataset":
            raise ValueError("the loss is in units of the training set: normalisation: dataset")
        return self
