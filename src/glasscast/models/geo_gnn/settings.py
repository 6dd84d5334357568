"""Settings of Geo-GNN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from glasscast.models.settings import GraphSettings
from glasscast.training.settings import TrainingSettings


class GeoSettings(GraphSettings):
    """Geometry-enhanced network (Jiang, Tian, Li 2023); each ablation of the paper is a setting."""

    name: Literal["geo-gnn"] = "geo-gnn"
    hidden: int = Field(default=32, ge=1, le=4096, description="width; the paper tries 16, 32, 64")
    triplet_layers: int = Field(
        default=3, ge=0, le=8, description="triplet-to-edge layers; 0 is the model without encoder"
    )
    radial_functions: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Gaussians of the distance; 1 means the bare distance",
    )
    radial_cutoff: float = Field(
        default=5.0, gt=0, description="centre of the last Gaussian, in sigma"
    )
    angular_functions: int = Field(
        default=16, ge=1, le=64, description="zonal harmonics l = 1..this"
    )
    angles: Literal["harmonics", "linear", "none"] = Field(
        default="harmonics", description="encoding of angles; `none` is the distance-only model"
    )
    aggregation: Literal["attention", "mlp"] = Field(
        default="attention", description="edges to nodes; `mlp` is the model without aggregation"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="the paper tries 0, 0.1, 0.2")
    feature_norm: Literal["none", "configuration", "running"] = Field(
        default="configuration",
        description="normalise each sum into the nodes, by the numbers of the configuration or by "
        "averages over training; `none` is the paper's text, which learns far more slowly",
    )
    # The paper starts Adam at 1e-3 and trains on 400 configurations. Ten give hundreds of steps
    # where it has thousands: a larger rate, raised and lowered smoothly, gets further in them.
    training: TrainingSettings = TrainingSettings(
        learning_rate=1e-2, schedule="cosine", warmup=20, average=0.98
    )
