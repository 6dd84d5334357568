"""Every model by name: its hyperparameters here, its class on demand (torch loads late)."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasscast.errors import SettingsError
from glasscast.models.hyperparameters import (
    BotanHyperparameters,
    EignnCageHyperparameters,
    EignnInherentHyperparameters,
    GeoHyperparameters,
    Hyperparameters,
    LinearHyperparameters,
    NodeTargetingHyperparameters,
    Se3Hyperparameters,
)

if TYPE_CHECKING:
    from glasscast.models.base import Model
    from glasscast.structure.workspace import Workspace

#: name -> (hyperparameters, module, class). Adding a model adds a line here.
REGISTRY: dict[str, tuple[type[Hyperparameters], str, str]] = {
    "lr": (LinearHyperparameters, "glasscast.models.lr", "ShellAveragedRegression"),
    "nt-gnn": (NodeTargetingHyperparameters, "glasscast.models.botan", "NodeTargeting"),
    "botan": (BotanHyperparameters, "glasscast.models.botan", "Botan"),
    "geo-gnn": (GeoHyperparameters, "glasscast.models.geo_gnn", "GeoGnn"),
    "eignn-inh": (EignnInherentHyperparameters, "glasscast.models.eignn", "EignnInherent"),
    "eignn-cage": (EignnCageHyperparameters, "glasscast.models.eignn", "EignnCage"),
    "se3-gnn": (Se3Hyperparameters, "glasscast.models.se3_gnn", "Se3Gnn"),
}


def _entry(name: str) -> tuple[type[Hyperparameters], str, str]:
    if name not in REGISTRY:
        close = get_close_matches(str(name), REGISTRY, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        raise SettingsError(f"there is no model '{name}'{hint} Known: {', '.join(REGISTRY)}")
    return REGISTRY[name]


def hyperparameter_class(name: str) -> type[Hyperparameters]:
    """Return the settings class of a model.

    Raises
    ------
    SettingsError : if there is no such model, with a suggestion.
    """
    return _entry(name)[0]


def model_class(name: str) -> type[Model]:
    """Import and return the class of a model.

    Raises
    ------
    SettingsError : if there is no such model, with a suggestion.
    """
    _, module, attribute = _entry(name)
    cls: Any = getattr(import_module(module), attribute)
    return cls  # type: ignore[no-any-return]


def build(hyperparameters: Hyperparameters, workspace: Workspace | None = None) -> Model:
    """Make an unfitted model from its settings."""
    return model_class(hyperparameters.name)(hyperparameters, workspace)


def load_model(folder: Path, workspace: Workspace | None = None) -> Model:
    """Read a saved model of any kind.

    Raises
    ------
    InputError : if the folder holds no usable model.
    """
    from glasscast.models.files import read_record

    return model_class(read_record(folder)["model"]).load(folder, workspace)
