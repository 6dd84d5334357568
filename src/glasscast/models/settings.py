"""What the settings of many models share. No torch here: checking a settings file is instant."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from glasscast.config import Settings
from glasscast.datasets.records import EquilibriumField
from glasscast.liquid.definition import is_liquid_file
from glasscast.training.settings import LabelNoise, TrainingSettings

Target = Literal["propensity", "bond_breaking", "neighbour_relative", "nonaffine"]


class ModelSettings(Settings):
    """Base of the settings of every model; those of a saved model are its record.

    Attributes
    ----------
    presets : name -> the settings in which it differs from the defaults; one of settings within
        settings, such as ``training``, names only what differs in these.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    name: str
    preset: Literal["default", "paper", "released"] = Field(
        default="default",
        description="what settings that are not given are: ours, those of the paper, or those of "
        "the code its authors released",
    )
    target: Target = Field(default="propensity", description="field of Configuration to forecast")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """Let what is not given be that of the preset, and within settings that of the model."""
        if not isinstance(values, Mapping):
            return values
        name = values.get("preset", "default")
        if name != "default" and name not in cls.presets:
            known = ", ".join(["default", *cls.presets])
            raise ValueError(f"preset: there is no '{name}' here; there are {known}")
        chosen, given = cls.presets.get(name, {}), dict(values)
        for key in {*chosen, *given}:
            own = cls.model_fields[key].default if key in cls.model_fields else None
            parts = chosen.get(key, {}), given.get(key, {})
            if isinstance(own, Settings) and all(isinstance(part, Mapping) for part in parts):
                given[key] = {**own.model_dump(), **parts[0], **parts[1]}
        return {**chosen, **given}

    @property
    def equilibrium_positions(self) -> tuple[EquilibriumField, ...]:
        """What a forecast needs besides the snapshot, of ``inherent`` and ``cage``."""
        return fields_among({getattr(self, "structure", "positions")})

    @property
    def extras(self) -> tuple[str, ...]:
        """Optional parts of the package that the forecast of a bare snapshot needs."""
        return ("md",) if self.equilibrium_positions else ()

    @property
    def reads_liquid(self) -> bool:
        """Whether a forecast asks the snapshot which liquid it is of, for its interactions."""
        return False

    @property
    def together(self) -> int:
        """Snapshots that are forecast side by side, where they matter to one another; 1: alone."""
        return 1

    @property
    def files(self) -> dict[str, Path]:
        """Files that these settings name, by key; none unless a model says otherwise."""
        return {}

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """Return the settings with the files that they name changed."""
        return self.model_copy(update={k: str(change(path)) for k, path in self.files.items()})

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read the settings of a saved model; keys of former versions go by their new names."""
        return cls(**{cls.renamed.get(key, key): value for key, value in record.items()})


def fields_among(names: Container[str]) -> tuple[EquilibriumField, ...]:
    """Equilibrium positions among some names."""
    return tuple(field for field in get_args(EquilibriumField) if field in names)


def liquid_file(liquid: str | None) -> dict[str, Path]:
    """Return the file that a setting ``liquid`` names, unless it is the name of a known one."""
    return {} if liquid is None or not is_liquid_file(liquid) else {"liquid": Path(liquid)}


class RidgeSettings(ModelSettings):
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
    least_gain: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="end the selection before the first descriptor that raises the multiple "
        "correlation by less",
    )
    label_noise: LabelNoise = Field(
        "estimated",
        description="k: a label that is the mean of R runs weighs 1 / (1 + k / R); 0: all alike; "
        "'estimated': from the residuals of held-out configurations",
    )
    checkpoint_seconds: float = Field(
        30.0, ge=0, description="pause between checkpoints of a fit that is under way"
    )


class NetworkSettings(ModelSettings):
    """What all networks share, whatever they read."""

    structure: Literal["positions", "inherent", "cage"] = "positions"
    training: TrainingSettings = TrainingSettings()


class GraphSettings(NetworkSettings):
    """What all networks on the particle graph share."""

    cutoff: float = Field(
        default=2.0, gt=0, description="edges join particles closer than this, in sigma"
    )


class EquivariantSettings(GraphSettings):
    """What the networks on spherical tensors share."""

    l_max: int = Field(default=2, ge=0, le=3, description="highest degree of tensors")
    layers: int = Field(default=7, ge=1, le=100, description="interaction layers")
    radial_functions: int = Field(
        default=8, ge=1, le=1024, description="Bessel functions of a distance"
    )
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
    def equilibrium_positions(self) -> tuple[EquilibriumField, ...]:
        """Those of the graph and of the energy."""
        return fields_among({self.structure, self.energy})

    @property
    def files(self) -> dict[str, Path]:
        """File of a liquid of one's own."""
        return liquid_file(self.liquid)
