"""Settings of the CNN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glasscast.models.settings import NetworkSettings
from glasscast.training.settings import TrainingSettings


class CnnSettings(NetworkSettings):
    """Convolutions over a voxel grid, the baseline named by Bapst et al., Nat. Phys. 16, 448."""

    name: Literal["cnn"] = "cnn"
    spacing: float = Field(
        default=0.3, gt=0, description="largest side of a voxel, in sigma; the box holds whole ones"
    )
    smearing: float = Field(
        default=0.25, gt=0, description="standard deviation of a particle's density, in sigma"
    )
    channels: int = Field(default=16, ge=1, le=1024, description="width of every layer")
    levels: int = Field(
        default=3, ge=1, le=5, description="grids, each of half the resolution of the one before"
    )
    blocks: int = Field(
        default=2, ge=1, le=100, description="residual blocks of two convolutions a level"
    )
    training: TrainingSettings = TrainingSettings(
        epochs=100, learning_rate=2e-3, schedule="cosine", augment=True
    )
