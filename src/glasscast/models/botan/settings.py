"""Settings of NT-GNN and BOTAN."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from glasscast.models.settings import GraphSettings
from glasscast.training.settings import TrainingSettings


class InteractionSettings(GraphSettings):
    """What NT-GNN and BOTAN share: the interaction network of Bapst et al."""

    rounds: int = Field(
        default=7, ge=1, le=100, description="message passing rounds, of shared weights"
    )
    feature_norm: Literal["none", "configuration", "running"] = Field(
        default="none",
        description="normalise sums and nodes in each round, by the numbers of the configuration "
        "or by averages over training; `none` is the published network",
    )
    hidden: int = Field(default=64, ge=1, le=4096, description="width of every layer")
    node_weight: float = Field(
        default=0.4, ge=0, le=1, description="p: node loss p, pair-distance loss 1 - p (eq. 12)"
    )
    bond_cutoff: float | None = Field(
        default=None,
        gt=0,
        description="only pairs closer than this enter the pair loss; null: all edges",
    )
    edge_input: Literal["vector", "distance"] = Field(
        default="vector",
        description="what is encoded of an edge; `distance` is the ablation without directions",
    )
    self_edges: bool = Field(default=False, description="an edge of zero length on every node")
    edge_sees_encoded_nodes: bool = Field(
        default=False,
        description="edge updates also read the encoded nodes, as in the first NT-GNN",
    )
    shared_decoder: bool = Field(
        default=True,
        description="one decoder for nodes and edges, as in the released code, or two, as in the "
        "paper",
    )
    loss: Literal["means", "sums"] = Field(
        default="means",
        description="means over nodes and over edges, as in the released code, or sums, as printed "
        "(eqs. 13 and 14), which weigh edges by their number",
    )
    initialisation: Literal["identity", "uniform"] = Field(
        default="identity",
        description="of an untrained network: rounds that change little at first, or what torch "
        "draws, with which the first hundred steps learn next to nothing",
    )
    initial_weights: str | None = Field(
        default=None,
        description="file of published weights, or folder of a saved model, to start from",
    )
    fit_readout: bool = Field(
        default=True,
        description="fit a read-out to the initial weights in closed form before training: that of "
        "the nodes, and that of edges of which the weights know nothing; not one of both",
    )
    training: TrainingSettings = TrainingSettings(learning_rate=1e-4, augment=True)

    @property
    def files(self) -> dict[str, Path]:
        """File or folder of the weights to start from."""
        start = self.initial_weights
        return {} if start is None else {"initial_weights": Path(start)}


#: What the papers and the released codes have in common: raw targets, no validation.
_RAW = {
    "epochs": 1000,
    "learning_rate": 1e-4,
    "augment": True,
    "normalisation": "none",
    "validation_fraction": 0.0,
    "keep": "last",
}


class BotanSettings(InteractionSettings):
    """Bond-targeting network (Shiba et al., J. Chem. Phys. 158, 084503)."""

    presets: ClassVar = {
        "paper": {
            "shared_decoder": False,
            "loss": "sums",
            "initialisation": "uniform",
            "fit_readout": False,
            "training": {**_RAW, "clip_norm": None},
        },
        "released": {"initialisation": "uniform", "training": _RAW},
    }

    name: Literal["botan"] = "botan"


class NodeTargetingSettings(InteractionSettings):
    """Node-targeting network (Bapst et al., Nat. Phys. 16, 448): BOTAN with p = 1.

    The preset of the paper is the NT-GNN of Shiba et al., the released one that of Bapst et al.
    """

    presets: ClassVar = {
        "paper": {
            "edge_sees_encoded_nodes": False,
            "self_edges": False,
            "initialisation": "uniform",
            "fit_readout": False,
            "training": {**_RAW, "clip_norm": None, "batch_size": 5},
        },
        "released": {
            "initialisation": "uniform",
            "fit_readout": False,
            "training": {**_RAW, "learn_species": (0,)},
        },
    }

    name: Literal["nt-gnn"] = "nt-gnn"
    node_weight: float = Field(default=1.0, ge=1, le=1, description="nodes only")
    edge_sees_encoded_nodes: bool = True
    self_edges: bool = True
