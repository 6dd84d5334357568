"""Settings of EIGNN."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from glasscast.models.settings import EquivariantSettings

#: Of paper and notebook: Adam at 1e-3 with steps, 100 epochs, one configuration a step, targets
#: standardised in it. Interval and factor of the steps are not printed.
_TRAINING = {
    "epochs": 100,
    "learning_rate": 1e-3,
    "schedule": "steps",
    "clip_norm": None,
    "normalisation": "configuration",
    "validation_fraction": 0.0,
    "keep": "last",
}


class EignnSettings(EquivariantSettings):
    """EIGNN (Jiang, Tian, Li, Hu, arXiv 2407.06111); each ablation of the paper is a setting."""

    presets: ClassVar = {
        "paper": {
            "form": "printed",
            "parity": False,
            "radial_cutoff": 2.0,
            "training": {**_TRAINING, "learn_species": (0,)},
        },
        "released": {
            "parity": False,
            "liquid": "ka-unshifted",
            "training": {**_TRAINING, "species_loss": "separate"},
        },
    }

    form: Literal["released", "printed"] = Field(
        default="released",
        description="the network of the authors' code, or that of the paper's equations",
    )
    hidden: int = Field(default=32, ge=1, le=4096, description="width of the invariant features")
    scalarisation: Literal["full", "difference", "none"] = Field(
        default="full",
        description="`difference` leaves alpha_0 out (variant A), `none` all tensors (variant B)",
    )
    parity: bool = Field(
        default=True,
        description="invariant under reflections too; false: rotations only, as released",
    )
    feature_norm: Literal["configuration", "running"] = Field(
        default="configuration",
        description="statistics that normalise invariant features in a forecast: those of the "
        "configuration, or the average over training",
    )

    forecast_batch: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="snapshots of a test set that are forecast as one, features normalised by the "
        "statistics of all of them: the paper takes 10 for Pcc(all); 1: each by its own",
    )

    @property
    def together(self) -> int:
        """The size of the batch."""
        return self.forecast_batch

    @model_validator(mode="after")
    def _printed_paths_are_all(self) -> Self:
        if self.form == "printed" and self.parity:
            raise ValueError("parity: the printed form couples all paths; set parity: false")
        return self


class EignnInherentSettings(EignnSettings):
    """EIGNN with displacements to the inherent structure."""

    name: Literal["eignn-inh"] = "eignn-inh"
    structure: Literal["inherent"] = "inherent"


class EignnCageSettings(EignnSettings):
    """EIGNN with displacements to the cage state."""

    name: Literal["eignn-cage"] = "eignn-cage"
    structure: Literal["cage"] = "cage"
