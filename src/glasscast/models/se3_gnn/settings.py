"""Settings of SE(3)-GNN."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from glasscast.models.settings import EquivariantSettings


class Se3Settings(EquivariantSettings):
    """SE(3)-equivariant network (Pezzicoli, Charpiat, Landes, SciPost Phys. 16, 136)."""

    name: Literal["se3-gnn"] = "se3-gnn"
    channels: int = Field(default=6, ge=1, le=1024, description="tensors of each degree")
    radial_cutoff: float = Field(
        default=2.0, gt=0, description="where messages fade out, in sigma; at most the cutoff"
    )

    @model_validator(mode="after")
    def _fades_inside(self) -> Self:
        if self.radial_cutoff > self.cutoff:
            raise ValueError(
                f"radial_cutoff {self.radial_cutoff:g} must not exceed the cutoff {self.cutoff:g}"
            )
        return self
