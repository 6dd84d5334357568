"""Typed settings of every model. No torch here, so that checking a file is instant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from glasscast.config import Settings
from glasscast.datasets.files import sha256_of_file
from glasscast.errors import InputError
from glasscast.liquid.definition import is_liquid_file
from glasscast.models.files import WEIGHTS

Target = Literal["propensity", "bond_breaking", "neighbour_relative", "nonaffine"]


class Hyperparameters(Settings):
    """Base: frozen, unknown keys refused."""

    name: str
    target: Target = Field(default="propensity", description="field of Configuration to forecast")

    @property
    def equilibrium(self) -> tuple[str, ...]:
        """Equilibrium positions that a forecast needs besides the snapshot: inherent, cage."""
        structure = getattr(self, "structure", "positions")
        return () if structure == "positions" else (structure,)

    @property
    def reads_liquid(self) -> bool:
        """Whether a forecast asks the snapshot which liquid it is of, for its interactions."""
        return False

    @property
    def files(self) -> dict[str, Path]:
        """Files that these settings name, by key: weights to start from, a liquid of one's own."""
        weights, liquid = (getattr(self, key, None) for key in ("initial_weights", "liquid"))
        named = {} if weights is None else {"initial_weights": Path(weights)}
        if liquid is not None and is_liquid_file(liquid):
            named["liquid"] = Path(liquid)
        return named

    def beside(self, folder: Path) -> Self:
        """Return the settings with the files they name seen from a folder."""
        return self.model_copy(update={k: str(folder / path) for k, path in self.files.items()})

    def by_content(self) -> Self:
        """Return the settings naming files by their checksums: a copy is the same file.

        Raises
        ------
        InputError : if a file is absent.
        """
        sums = {}
        for key, path in self.files.items():
            file = path / WEIGHTS if path.is_dir() else path
            if not file.is_file():
                raise InputError(file, "does not exist", f"'{key}' names it")
            sums[key] = f"sha256 {sha256_of_file(file)}"
        return self.model_copy(update=sums)


class RidgeHyperparameters(Hyperparameters):
    """How a ridge regression is fitted; the same for every table of descriptors."""

    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e1, 1e2, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 1e7),
        min_length=1,
        description="ridge penalties tried, on standardised descriptors",
    )
    folds: int = Field(5, ge=2, description="cross-validation folds of training configurations")
    select: int | None = Field(
        None, ge=1, description="keep only this many descriptors, chosen by forward selection"
    )


class LinearHyperparameters(RidgeHyperparameters):
    """Ridge regression on shell-averaged descriptors (Boattini et al., PRL 127, 088007)."""

    name: Literal["lr"] = "lr"
    order: int = Field(2, ge=0, le=5, description="generations of shell averaging, n_max")
    descriptors: Literal["both", "radial", "angular"] = "both"
    structure: Literal["positions", "inherent", "cage"] = Field(
        "positions", description="field of Configuration that the descriptors describe"
    )
    shell_cutoff: float = Field(2.3, gt=0, description="r_c of the shell average, in sigma")


class TrainingSettings(Settings):
    """How the one training loop runs; the same for every deep model."""

    epochs: int = Field(default=200, ge=1, description="passes over the training configurations")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="of Adam, at the start of the schedule"
    )
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        default="constant", description="of the learning rate, to `final_rate` of its start"
    )
    final_rate: float = Field(default=0.01, gt=0, le=1, description="last rate over first")
    warmup: int = Field(default=0, ge=0, description="steps of linear rise of the learning rate")
    weight_decay: float = Field(
        default=0.0, ge=0, description="decoupled, as in AdamW; 0 is plain Adam"
    )
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="keep running means of the weights with this memory a step; 0: the last ones",
    )
    batch_size: int = Field(
        default=1, ge=1, description="configurations a step, over all processes"
    )
    clip_norm: float | None = Field(default=1.0, gt=0, description="largest norm of the gradient")
    augment: bool = Field(default=False, description="random symmetry of the box at each step")
    jitter: float = Field(
        default=0.0,
        ge=0,
        le=0.2,
        description="standard deviation, in sigma, of random shifts of the particles at each step; "
        "not in the papers: with few configurations it keeps a network from learning vibrations",
    )
    normalisation: Literal["dataset", "configuration", "none"] = Field(
        default="dataset",
        description="targets are standardised per time and species over all training "
        "configurations, within each configuration, or not",
    )
    learn_species: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="species in the loss; null means all"
    )
    validation_fraction: float = Field(
        default=0.1, ge=0, lt=1, description="training configurations set aside when none are given"
    )
    patience: int | None = Field(
        default=None, ge=1, description="epochs without a better validation score before stopping"
    )
    validate_every: int = Field(default=1, ge=1, description="epochs between validations")
    checkpoint_every: int = Field(default=1, ge=1, description="epochs between checkpoints")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="bfloat16: mixed precision, on a GPU"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    graph_memory: int = Field(
        default=2048, ge=0, description="megabytes of graphs kept between epochs"
    )


class NetworkHyperparameters(Hyperparameters):
    """What all networks share, whatever they read."""

    structure: Literal["positions", "inherent", "cage"] = "positions"
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="before")
    @classmethod
    def _complete_training(cls, values: Any) -> Any:
        """Let training settings that are not given be those of the model, not the general ones."""
        if not isinstance(values, Mapping) or not isinstance(values.get("training"), Mapping):
            return values
        own = cls.model_fields["training"].default.model_dump()
        return {**values, "training": {**own, **values["training"]}}


class DeepHyperparameters(NetworkHyperparameters):
    """What all graph networks share."""

    cutoff: float = Field(
        default=2.0, gt=0, description="edges join particles closer than this, in sigma"
    )


class InteractionHyperparameters(DeepHyperparameters):
    """What NT-GNN and BOTAN share: the interaction network of Bapst et al."""

    rounds: int = Field(default=7, ge=1, description="message passing rounds, of shared weights")
    feature_norm: Literal["none", "configuration", "running"] = Field(
        default="none",
        description="normalise sums and nodes in each round, by the numbers of the configuration "
        "or by averages over training; `none` is the published network",
    )
    hidden: int = Field(default=64, ge=1, description="width of every layer")
    node_weight: float = Field(
        default=0.4, ge=0, le=1, description="p: node loss p, pair-distance loss 1 - p (eq. 12)"
    )
    bond_cutoff: float | None = Field(
        default=None,
        gt=0,
        description="only pairs closer than this enter the pair loss; null: all edges",
    )
    self_edges: bool = Field(default=False, description="an edge of zero length on every node")
    edge_sees_encoded_nodes: bool = Field(
        default=False,
        description="edge updates also read the encoded nodes, as in the first NT-GNN",
    )
    shared_decoder: bool = Field(default=True, description="one decoder for nodes and edges")
    initial_weights: str | None = Field(
        default=None,
        description="file of published weights, or folder of a saved model, to start from",
    )
    training: TrainingSettings = TrainingSettings(learning_rate=1e-4, augment=True)


class BotanHyperparameters(InteractionHyperparameters):
    """Bond-targeting network (Shiba et al., J. Chem. Phys. 158, 084503)."""

    name: Literal["botan"] = "botan"


class NodeTargetingHyperparameters(InteractionHyperparameters):
    """Node-targeting network (Bapst et al., Nat. Phys. 16, 448): BOTAN with p = 1."""

    name: Literal["nt-gnn"] = "nt-gnn"
    node_weight: float = Field(default=1.0, ge=1, le=1, description="nodes only")
    edge_sees_encoded_nodes: bool = True
    self_edges: bool = True


class GeoHyperparameters(DeepHyperparameters):
    """Geometry-enhanced network (Jiang, Tian, Li 2023); each ablation of the paper is a setting."""

    name: Literal["geo-gnn"] = "geo-gnn"
    hidden: int = Field(default=32, ge=1, description="width; the paper tries 16, 32, 64")
    triplet_layers: int = Field(
        default=3, ge=0, le=8, description="triplet-to-edge layers; 0 is the model without encoder"
    )
    radial_functions: int = Field(
        default=64, ge=1, description="Gaussians of the distance; 1 means the bare distance"
    )
    radial_cutoff: float = Field(
        default=5.0, gt=0, description="centre of the last Gaussian, in sigma"
    )
    angular_functions: int = Field(default=16, ge=1, description="zonal harmonics l = 1..this")
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


class CnnHyperparameters(NetworkHyperparameters):
    """Convolutions over a voxel grid, the baseline named by Bapst et al., Nat. Phys. 16, 448."""

    name: Literal["cnn"] = "cnn"
    spacing: float = Field(
        default=0.3, gt=0, description="largest side of a voxel, in sigma; the box holds whole ones"
    )
    smearing: float = Field(
        default=0.25, gt=0, description="standard deviation of a particle's density, in sigma"
    )
    channels: int = Field(default=16, ge=1, description="width of every layer")
    levels: int = Field(
        default=3, ge=1, le=5, description="grids, each of half the resolution of the one before"
    )
    blocks: int = Field(default=2, ge=1, description="residual blocks of two convolutions a level")
    training: TrainingSettings = TrainingSettings(
        epochs=100, learning_rate=2e-3, schedule="cosine", augment=True
    )


class EquivariantHyperparameters(DeepHyperparameters):
    """What the networks on spherical tensors share."""

    l_max: int = Field(default=2, ge=0, le=3, description="highest degree of tensors")
    layers: int = Field(default=7, ge=1, description="interaction layers")
    radial_functions: int = Field(default=8, ge=1, description="Bessel functions of a distance")
    radial_cutoff: float = Field(
        default=2.5, gt=0, description="where the Bessel functions vanish, in sigma"
    )
    energy: Literal["none", "positions", "inherent", "cage"] = Field(
        default="inherent", description="structure whose energy a particle the network reads"
    )
    liquid: str | None = Field(
        default=None,
        description="interactions behind that energy: name or file; null: the configurations' own",
    )
    training: TrainingSettings = TrainingSettings(learning_rate=1e-3, schedule="cosine")

    @property
    def equilibrium(self) -> tuple[str, ...]:
        """Equilibrium positions of the graph and of the energy."""
        wanted = {self.structure, self.energy}
        return tuple(key for key in ("inherent", "cage") if key in wanted)


class EignnHyperparameters(EquivariantHyperparameters):
    """EIGNN (Jiang, Tian, Li, Hu, arXiv 2407.06111); each ablation of the paper is a setting."""

    hidden: int = Field(default=32, ge=1, description="width of the invariant features")
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


class EignnInherentHyperparameters(EignnHyperparameters):
    """EIGNN with displacements to the inherent structure."""

    name: Literal["eignn-inh"] = "eignn-inh"
    structure: Literal["inherent"] = "inherent"


class EignnCageHyperparameters(EignnHyperparameters):
    """EIGNN with displacements to the cage state."""

    name: Literal["eignn-cage"] = "eignn-cage"
    structure: Literal["cage"] = "cage"


class Se3Hyperparameters(EquivariantHyperparameters):
    """SE(3)-equivariant network (Pezzicoli, Charpiat, Landes, SciPost Phys. 16, 136)."""

    name: Literal["se3-gnn"] = "se3-gnn"
    channels: int = Field(default=6, ge=1, description="tensors of each degree")
    radial_cutoff: float = Field(
        default=2.0, gt=0, description="where messages fade out, in sigma; at most the cutoff"
    )

    @model_validator(mode="after")
    def _fades_inside(self) -> Se3Hyperparameters:
        if self.radial_cutoff > self.cutoff:
            raise ValueError(
                f"radial_cutoff {self.radial_cutoff:g} must not exceed the cutoff {self.cutoff:g}"
            )
        return self
