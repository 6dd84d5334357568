"""Typed settings of every model. No torch here, so that checking a file is instant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Target = Literal["propensity", "bond_breaking", "neighbour_relative", "nonaffine"]


class Hyperparameters(BaseModel):
    """Base: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    target: Target = Field("propensity", description="field of Configuration to forecast")


class LinearHyperparameters(Hyperparameters):
    """Ridge regression on shell-averaged descriptors (Boattini et al., PRL 127, 088007)."""

    name: Literal["lr"] = "lr"
    order: int = Field(2, ge=0, le=5, description="generations of shell averaging, n_max")
    descriptors: Literal["both", "radial", "angular"] = "both"
    structure: Literal["positions", "inherent", "cage"] = Field(
        "positions", description="field of Configuration that the descriptors describe"
    )
    shell_cutoff: float = Field(2.3, gt=0, description="r_c of the shell average, in sigma")
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e0, 1e1, 1e2, 3e2, 1e3, 3e3, 1e4, 1e5),
        min_length=1,
        description="ridge penalties tried, on standardised descriptors",
    )
    folds: int = Field(5, ge=2, description="cross-validation folds of training configurations")
    select: int | None = Field(
        None, ge=1, description="keep only this many descriptors, chosen by forward selection"
    )
