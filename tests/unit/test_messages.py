"""A misspelt key is named with the key that was meant, wherever in a file it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, get_args

import pytest

from glasscast.config import Choice, Settings, checked, read
from glasscast.errors import SettingsError
from glasscast.liquid.definition import LiquidSettings
from glasscast.models.registry import REGISTRY, ChosenModel, settings_class
from glasscast.simulation.settings import SimulationSettings
from glasscast.workflows.experiments import BenchmarkExperiment, TrainExperiment, TransferExperiment

FILES = {
    "training": TrainExperiment,
    "benchmark": BenchmarkExperiment,
    "transfer": TransferExperiment,
    "simulation": SimulationSettings,
    "liquid": LiquidSettings,
}


class Place(NamedTuple):
    """A key of a kind of file.

    Parameters
    ----------
    way : keys and numbers on the way to it.
    key : itself.
    beside : what stands at the same place and decides what else may.
    """

    way: list[Any]
    key: str
    beside: dict[str, Any]

    def record(self, key: str) -> Any:
        """A file that holds another key in its place."""
        content: Any = {**self.beside, key: 1}
        for step in reversed(self.way):
            content = [content] if step == 0 else {step: content}
        return content


def places(kind: type[Settings], beside: dict[str, Any] | None = None) -> Iterator[Place]:
    """Every key; of the models under a key one stands for all, since each has its own test."""
    for name, field in kind.model_fields.items():
        yield Place([], name, beside or {})
        for way, inner, its in inside(field.annotation, field.metadata):
            for place in places(inner, its):
                yield place._replace(way=[name, *way, *place.way])


def inside(
    annotation: Any, metadata: Any = ()
) -> Iterator[tuple[list[Any], type[Settings], dict[str, Any]]]:
    """Settings within the value of a key: where they stand in it, their class, what names it."""
    arguments = [a for a in get_args(annotation) if a is not ...]
    origin = getattr(annotation, "__origin__", None)
    marks = (*metadata, *getattr(annotation, "__metadata__", ()))
    choice = next((mark for mark in marks if isinstance(mark, Choice)), None)
    if choice is not None:
        name = choice.default or "lr"
        yield [], choice.of(name), {choice.key: name}
    elif isinstance(annotation, type) and issubclass(annotation, Settings):
        form = annotation.model_fields.get("form")
        yield [], annotation, {"form": form.default} if form else {}
    elif origin in (dict, tuple):
        step = "x" if origin is dict else 0
        for way, inner, its in inside(arguments[-1]):
            yield [step, *way], inner, its
    else:
        for argument in arguments:
            yield from inside(argument)


def misspelt(key: str) -> str:
    """Swap two letters in the middle; double one where they are alike."""
    k = len(key) // 2
    swapped = key[: k - 1] + key[k] + key[k - 1] + key[k + 1 :]
    return swapped if swapped != key else key[:k] + key[k:].replace(key[k], 2 * key[k], 1)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        pytest.param(file, place, id=".".join(map(str, [file, *place.way, place.key])))
        for file, kind in FILES.items()
        for place in places(kind)
    ],
)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(file, place):
    wrong = misspelt(place.key)
    with pytest.raises(SettingsError) as refusal:
        checked(FILES[file], place.record(wrong))
    where = ".".join(map(str, [*place.way, wrong]))
    assert str(refusal.value) == f"unknown key '{where}'; did you mean '{place.key}'?"


class OneModel(Settings):
    model: ChosenModel


@pytest.mark.parametrize("name", REGISTRY)
def test_so_it_is_in_the_settings_of_every_model(name):
    for way, key, _ in places(settings_class(name)):
        wrong = misspelt(key)
        record = Place(way, key, {}).record(wrong)
        with pytest.raises(SettingsError) as refusal:
            checked(OneModel, {"model": {"name": name, **record}})
        where = ".".join(map(str, ["model", *way, wrong]))
        assert str(refusal.value) == f"unknown key '{where}'; did you mean '{key}'?"


def test_a_key_at_the_wrong_depth_is_told_where_it_belongs():
    with pytest.raises(SettingsError, match=r"'radius'; did you mean 'cage\.radius'"):
        checked(SimulationSettings, {"radius": 0.4})
    with pytest.raises(SettingsError, match=r"'split'; did you mean 'train\.split'"):
        checked(TrainExperiment, {"split": "train"})


def test_nothing_is_suggested_for_what_is_like_no_key():
    with pytest.raises(SettingsError, match=r"unknown key 'zzz'$"):
        checked(SimulationSettings, {"zzz": 1})


class Renamed(Settings):
    renamed: ClassVar = {"old": "new"}
    new: int = 0


class Outer(Settings):
    inner: Renamed = Renamed()


def test_a_key_of_a_former_version_is_told_its_new_name():
    with pytest.raises(SettingsError, match=r"'inner\.old' is called 'new' now"):
        checked(Outer, {"inner": {"old": 1}})
    with pytest.raises(SettingsError, match=r"'states' is called 'state_points' now"):
        checked(TransferExperiment, {"states": {}})


def test_every_renamed_key_leads_to_one_that_there_is():
    kinds = [*FILES.values(), *map(settings_class, REGISTRY)]
    renames = [(kind, old, new) for kind in kinds for old, new in kind.renamed.items()]
    assert {(old, new) for _, old, new in renames} >= {
        ("states", "state_points"),
        ("stages", "phases"),
        ("preset", "times"),
    }
    for kind, old, new in renames:
        assert new in kind.model_fields, kind
        assert old not in kind.model_fields, kind


SIMULATION = """
temperature: 1.0
particles: 100
times: [1.0]
equilibration: {time: 1.0}
cage: true
"""


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("temprature=0.5", "unknown key 'temprature'; did you mean 'temperature'?"),
        ("engine.thread=2", "unknown key 'engine.thread'; did you mean 'threads'?"),
        ("equilibration.hot_tme=2", "unknown key 'equilibration.hot_tme'; did you mean"),
        ("cage.radus=0.4", "unknown key 'cage.radus'; did you mean 'radius'?"),
        ("seed.x=1", "seed.x: there is nothing to set under 'seed'"),
    ],
)
def test_a_bad_override_of_a_simulation_is_named(tmp_path, override, says):
    path = tmp_path / "s.yaml"
    path.write_text(SIMULATION + "seed: 3")
    with pytest.raises(SettingsError, match=says.replace("?", r"\?")):
        read(SimulationSettings, path, [override])


def test_overrides_reach_every_depth_of_a_simulation(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SIMULATION)
    given = ["cage.radius=0.4", "equilibration.hot_time=2", "runs=4", "engine.threads=2"]
    settings = read(SimulationSettings, path, given)
    assert settings.cage is not None
    assert settings.cage.radius == 0.4
    assert settings.equilibration is not None
    assert (settings.equilibration.time, settings.equilibration.hot_time) == (1.0, 2.0)
    assert (settings.runs, settings.engine.threads) == (4, 2)


def test_overrides_reach_a_model_that_was_given_by_its_name(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("train: {datasets: [d]}\nmodel: lr")
    settings = read(TrainExperiment, path, ["model.order=1", "validation.datasets=[e]"])
    assert settings.model == settings_class("lr")(order=1)
    assert settings.validation is not None
    assert settings.validation.datasets == (tmp_path / "e",)
