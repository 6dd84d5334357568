"""Settings of EIGNN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glasscast.models.settings import EquivariantSettings


class EignnSettings(EquivariantSettings):
    """EIGNN (Jiang, Tian, Li, Hu, arXiv 2407.06111); each ablation of the paper is a setting."""

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


class EignnInherentSettings(EignnSettings):
    """EIGNN with displacements to the inherent structure."""

    name: Literal["eignn-inh"] = "eignn-inh"
    structure: Literal["inherent"] = "inherent"


class EignnCageSettings(EignnSettings):
    """EIGNN with displacements to the cage state."""

    name: Literal["eignn-cage"] = "eignn-cage"
    structure: Literal["cage"] = "cage"
