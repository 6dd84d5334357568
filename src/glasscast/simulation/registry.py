"""Every engine by name; the default one is chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import SerializeAsAny

from glasscast.config import Choice, Settings, read_mapping, validate
from glasscast.errors import InputError, SettingsError
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import Engine, EngineSettings
from glasscast.simulation.monte_carlo import MonteCarlo

#: name -> (settings class, engine class): where they are defined. A new engine adds a line.
REGISTRY: dict[str, tuple[str, str]] = {
    "lammps": (
        "glasscast.simulation.lammps.settings:LammpsSettings",
        "glasscast.simulation.lammps.engine:Lammps",
    ),
}
#: Group of entry points in which installed packages offer engines of their own: name -> engine
#: class, whose ``settings_class`` is derived from EngineSettings.
ENTRY_POINTS = "glasscast.engines"
#: Name of the engine where none is chosen.
DEFAULT = "lammps"

#: An engine, its name, or a YAML file with an ``engine:`` block.
EngineChoice = Engine | str | Path


def _offered(name: str) -> Any:
    """Import the engine class that an installed package offers under a name.

    Raises
    ------
    SettingsError : if there is none, with a suggestion, or it cannot be imported.
    """
    points: dict[str, EntryPoint] = {p.name: p for p in entry_points(group=ENTRY_POINTS)}
    if name not in points:
        known = [*REGISTRY, *points]
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        raise SettingsError(
            f"there is no engine '{name}'{hint} Known: {', '.join(known)}", "engine"
        )
    try:
        return points[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"engine '{name}' ({points[name].value}) cannot be imported: {error}"
        ) from None


def _load(place: str) -> Any:
    module, attribute = place.split(":")
    return getattr(import_module(module), attribute)


def settings_class(name: str) -> type[EngineSettings]:
    """Return the settings class of an engine.

    Raises
    ------
    SettingsError : if there is no such engine, with a suggestion.
    """
    found = _load(REGISTRY[name][0]) if name in REGISTRY else _offered(name).settings_class
    return cast("type[EngineSettings]", found)


#: An engine by name or with its settings, as a key of a settings file.
ChosenEngine = Annotated[
    SerializeAsAny[EngineSettings], Choice(settings_class, "an engine", default=DEFAULT)
]


class _EngineFile(Settings):
    """What :func:`load_engine` looks at in a file."""

    engine: ChosenEngine


def default_settings() -> EngineSettings:
    """Return the settings of the engine where none is chosen."""
    return settings_class(DEFAULT)(name=DEFAULT)


def build(settings: EngineSettings) -> Engine:
    """Make the engine that some settings describe."""
    name = settings.name
    kind = _load(REGISTRY[name][1]) if name in REGISTRY else _offered(name)
    return cast("Callable[[EngineSettings], Engine]", kind)(settings)


def load_engine(choice: EngineChoice | None = None) -> Engine:
    """Return an engine, from whatever chooses it.

    Parameters
    ----------
    choice : an engine; the name of one, which gets its default settings; or a YAML file with an
        ``engine:`` block, such as that of a simulation, of which nothing else is looked at. The
        default engine if absent.

    Raises
    ------
    SettingsError : for an unknown name or a wrong setting, naming the key.
    InputError : if the file is absent, no YAML, or has no such block.
    """
    if choice is None:
        return build(default_settings())
    if not isinstance(choice, str | Path):
        return choice
    path = Path(choice)
    if path.suffix not in (".yaml", ".yml"):
        return build(settings_class(str(choice))(name=str(choice)))
    record = read_mapping(path)
    if "engine" not in record:
        raise InputError(path, "has no 'engine' block", parameter="engine")
    return build(validate(_EngineFile, {"engine": record["engine"]}, path).engine)


def sampler_for(engine: Engine) -> Engine:
    """Return the engine that samples confined liquids: this one if it can, else our own."""
    return engine if engine.capabilities.samples else MonteCarlo()


def marks(engine: Engine, liquid: Liquid, moves: bool) -> dict[str, Any]:
    """Tell what the fingerprint of a result holds of its engine: nothing of the default one.

    What was made before engines could be chosen stays valid that way.

    Parameters
    ----------
    moves : whether the engine integrated, so that its time step counts.
    """
    usual = MonteCarlo() if engine.name == MonteCarlo().name else load_engine()
    mine, default = (deciding(e, liquid, moves) for e in (engine, usual))
    if engine.name == usual.name and mine == default:
        return {}
    return {"engine": [engine.name, mine]}


def deciding(engine: Engine, liquid: Liquid, moves: bool) -> dict[str, Any]:
    """Identity of an engine, without the time step where nothing is integrated."""
    return {k: v for k, v in engine.identity(liquid).items() if moves or k != "time_step"}
