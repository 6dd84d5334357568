"""Every model by name; what belongs to a name is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import SerializeAsAny

from glasscast.config import Choice, checked
from glasscast.errors import SettingsError
from glasscast.inputs import reading
from glasscast.models.base import Model
from glasscast.models.files import RECORD, equilibrium, model_folder, read_record
from glasscast.models.settings import ModelSettings
from glasscast.runtime import Workspace

#: Where a network works: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
Device = str


class Registered(NamedTuple):
    """Where the two classes of a model are, as ``module:class``."""

    settings: str
    model: str


#: The models of this library. Adding one adds an entry here.
REGISTRY: dict[str, Registered] = {
    "lr": Registered(
        "glasscast.models.lr:LinearSettings",
        "glasscast.models.lr:ShellAveragedRegression",
    ),
    "cage-lr": Registered(
        "glasscast.models.cage_regression:CageRegressionSettings",
        "glasscast.models.cage_regression:CageRegression",
    ),
    "structural": Registered(
        "glasscast.models.structural:StructuralSettings",
        "glasscast.models.structural:StructuralBaseline",
    ),
    "svm": Registered(
        "glasscast.models.svm:SvmSettings",
        "glasscast.models.svm:SupportVectorMachine",
    ),
    "uml": Registered(
        "glasscast.models.uml:UmlSettings",
        "glasscast.models.uml:UnsupervisedOrder",
    ),
    "glass-mlp": Registered(
        "glasscast.models.glass_mlp.settings:GlassMlpSettings",
        "glasscast.models.glass_mlp.model:GlassMlp",
    ),
    "cnn": Registered(
        "glasscast.models.cnn.settings:CnnSettings",
        "glasscast.models.cnn.model:Cnn",
    ),
    "nt-gnn": Registered(
        "glasscast.models.botan.settings:NodeTargetingSettings",
        "glasscast.models.botan.model:NodeTargeting",
    ),
    "botan": Registered(
        "glasscast.models.botan.settings:BotanSettings",
        "glasscast.models.botan.model:Botan",
    ),
    "geo-gnn": Registered(
        "glasscast.models.geo_gnn.settings:GeoSettings",
        "glasscast.models.geo_gnn.model:GeoGnn",
    ),
    "eignn-inh": Registered(
        "glasscast.models.eignn.settings:EignnInherentSettings",
        "glasscast.models.eignn.model:EignnInherent",
    ),
    "eignn-cage": Registered(
        "glasscast.models.eignn.settings:EignnCageSettings",
        "glasscast.models.eignn.model:EignnCage",
    ),
    "se3-gnn": Registered(
        "glasscast.models.se3_gnn.settings:Se3Settings",
        "glasscast.models.se3_gnn.model:Se3Gnn",
    ),
}

#: Group of entry points in which installed packages offer models of their own: name -> class.
ENTRY_POINTS = "glasscast.models"


def settings_class(name: str) -> type[ModelSettings]:
    """Import and return the settings class of a model.

    Raises
    ------
    SettingsError : as :func:`model_class`.
    """
    if name not in REGISTRY:
        return _offered(name).settings_class
    found: type[ModelSettings] = _imported(REGISTRY[name].settings)
    return found


def model_class(name: str) -> type[Model]:
    """Import and return the class of a model: one of ours, else one of an installed package.

    Raises
    ------
    SettingsError : if there is no such model, with a suggestion, or the class that a package
        offers cannot be imported or is no model.
    """
    if name not in REGISTRY:
        return _offered(name)
    found: type[Model] = _imported(REGISTRY[name].model)
    return found


def build(settings: ModelSettings, workspace: Workspace | None = None) -> Model:
    """Make an unfitted model from its settings."""
    return model_class(settings.name)(settings, workspace)


def new_model(name: str, workspace: Workspace | None = None, **settings: Any) -> Model:
    """Make an unfitted model by name, such as ``new_model("lr", order=1)``.

    Parameters
    ----------
    settings : of the model, by their keys; docs/models.md lists them.

    Raises
    ------
    SettingsError : naming the key that cannot be used.
    """
    return build(checked(settings_class(name), {"name": name, **settings}), workspace)


def load_model(
    model: Model | Path | str,
    workspace: Workspace | None = None,
    device: Device | None = None,
) -> Model:
    """Read a saved model of any kind.

    Parameters
    ----------
    model : folder of a model or of its training, or the name of a ready model; see
        :func:`~glasscast.models.files.model_folder`. A fitted model is given back.
    device : that a network works on; as it was trained by default.

    Raises
    ------
    InputError : if there is no usable model.
    SettingsError : if the device is ``cuda`` and there is none.
    """
    if not isinstance(model, Model):
        folder = model_folder(model)
        record = read_record(folder)
        with reading(folder / RECORD):
            model = model_class(str(record["model"])).load(folder, workspace)
    if device is not None:
        model.move(device)
    return model


def reads(record: Mapping[str, Any]) -> str:
    """Say what a model reads of a snapshot: positions, and equilibrium positions if it does.

    Parameters
    ----------
    record : of a saved model.
    """
    settings = settings_class(record["model"]).from_record(record["hyperparameters"])
    made = equilibrium(record)
    told = [
        f"{key} ({made[key]})" if key in made else key for key in settings.equilibrium_positions
    ]
    return " + ".join(("positions", *told))


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _entry_points() -> dict[str, EntryPoint]:
    """Models of installed packages by name; nothing is imported yet."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _offered(name: str) -> type[Model]:
    """Import a model of an installed package."""
    points = _entry_points()
    if name not in points:
        known = [*REGISTRY, *points]
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        raise SettingsError(f"there is no model '{name}'{hint} Known: {', '.join(known)}")
    point = points[name]
    try:
        found: Any = point.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"model '{name}' ({point.value}) cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise SettingsError(f"model '{name}' ({point.value}) is not a class derived from Model")
    return found


#: A model by name or with its settings, as a key of an experiment.
ChosenModel = Annotated[SerializeAsAny[ModelSettings], Choice(settings_class, "a model")]
