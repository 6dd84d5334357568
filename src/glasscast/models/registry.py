"""Every model by name: its hyperparameters here, its class on demand (torch loads late)."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from pydantic import SerializeAsAny

from glasscast.config import Choice
from glasscast.errors import SettingsError
from glasscast.models.descriptor_hyperparameters import (
    CageHyperparameters,
    GlassMlpHyperparameters,
    StructuralHyperparameters,
    SvmHyperparameters,
)
from glasscast.models.hyperparameters import (
    BotanHyperparameters,
    CnnHyperparameters,
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
    from glasscast.runtime import Workspace

#: name -> (hyperparameters, module, class). Adding a model adds a line here.
REGISTRY: dict[str, tuple[type[Hyperparameters], str, str]] = {
    "lr": (LinearHyperparameters, "glasscast.models.lr", "ShellAveragedRegression"),
    "cage-lr": (CageHyperparameters, "glasscast.models.cage_regression", "CageRegression"),
    "structural": (
        StructuralHyperparameters,
        "glasscast.models.structural",
        "StructuralBaseline",
    ),
    "svm": (SvmHyperparameters, "glasscast.models.svm", "SupportVectorMachine"),
    "glass-mlp": (GlassMlpHyperparameters, "glasscast.models.glass_mlp.model", "GlassMlp"),
    "cnn": (CnnHyperparameters, "glasscast.models.cnn.model", "Cnn"),
    "nt-gnn": (NodeTargetingHyperparameters, "glasscast.models.botan.model", "NodeTargeting"),
    "botan": (BotanHyperparameters, "glasscast.models.botan.model", "Botan"),
    "geo-gnn": (GeoHyperparameters, "glasscast.models.geo_gnn.model", "GeoGnn"),
    "eignn-inh": (EignnInherentHyperparameters, "glasscast.models.eignn.model", "EignnInherent"),
    "eignn-cage": (EignnCageHyperparameters, "glasscast.models.eignn.model", "EignnCage"),
    "se3-gnn": (Se3Hyperparameters, "glasscast.models.se3_gnn.model", "Se3Gnn"),
}


#: Group of entry points in which installed packages offer models of their own: name -> class.
ENTRY_POINTS = "glasscast.models"


def _own_models() -> dict[str, EntryPoint]:
    """Models of installed packages by name; nothing is imported yet."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _refuse_unknown(name: str) -> NoReturn:
    known = [*REGISTRY, *_own_models()]
    close = get_close_matches(str(name), known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise SettingsError(f"there is no model '{name}'{hint} Known: {', '.join(known)}")


def hyperparameter_class(name: str) -> type[Hyperparameters]:
    """Return the settings class of a model.

    Raises
    ------
    SettingsError : if there is no such model, with a suggestion.
    """
    return REGISTRY[name][0] if name in REGISTRY else model_class(name).settings_class


def model_class(name: str) -> type[Model]:
    """Import and return the class of a model: one of ours, else one of an installed package.

    Raises
    ------
    SettingsError : if there is no such model, with a suggestion, or the class that a package
        offers cannot be imported or is no model.
    """
    if name in REGISTRY:
        _, module, attribute = REGISTRY[name]
        cls: Any = getattr(import_module(module), attribute)
        return cls  # type: ignore[no-any-return]
    point = _own_models().get(name)
    if point is None:
        _refuse_unknown(name)
    try:
        found: Any = point.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"model '{name}' ({point.value}) cannot be imported: {error}") from None
    from glasscast.models.base import Model

    if not (isinstance(found, type) and issubclass(found, Model)):
        raise SettingsError(f"model '{name}' ({point.value}) is not a class derived from Model")
    return found


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


#: A model by name or with its settings, as a key of an experiment.
ChosenModel = Annotated[SerializeAsAny[Hyperparameters], Choice(hyperparameter_class, "a model")]
