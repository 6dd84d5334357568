"""State points of a training: what is recorded, and what is taken for another one."""

import json

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.state_points import (
    Quantity,
    StatePoint,
    always_there,
    common_liquid,
    departures,
    merged,
    resolve,
)
from glasscast.errors import SettingsError
from glasscast.liquid.definition import load_liquid_settings


def snapshot(density=1.2, species=(80, 20), **metadata) -> Configuration:
    types = np.repeat(np.arange(len(species)), species).astype(np.int8)
    side = (len(types) / density) ** (1 / 3)
    positions = np.random.default_rng(0).random((len(types), 3)) * side
    box = np.full(3, side)
    return Configuration(
        name="x", positions=positions, types=types, box=box, metadata=dict(metadata)
    )


def point(**changes) -> StatePoint:
    return snapshot(**changes).state_point


KA = {"liquid": "ka", "temperature": 0.64}


def test_a_record_of_json_gives_the_same_state_point():
    for known in (point(**KA), point(), merged([point(), point(density=1.3)])[0]):
        assert StatePoint.from_record(json.loads(json.dumps(known.record()))) == known
    assert str(point(**KA)) == "liquid ka, T = 0.64, density 1.2, 80 % A, 20 % B"


def test_configurations_of_one_state_point_become_ranges():
    joined = merged([point(**KA), point(**KA, density=1.21, species=(75, 25))])
    assert joined[0].density == (1.2, 1.21)
    assert joined[0].composition == ((0.75, 0.8), (0.2, 0.25))
    several = merged([point(**KA), point(liquid="ka", temperature=0.5), point(**KA)])
    assert [p.temperature for p in several] == [0.64, 0.5]


def test_a_species_is_always_there_only_if_every_configuration_has_it():
    assert always_there([point(), point(species=(60, 20, 20))]) == {0, 1}
    assert always_there(merged([point(), point(species=(100,))])) == {0}
    assert always_there(()) == set()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (KA, []),
        ({}, []),  # what is not told is not compared
        (KA | {"density": 1.209}, []),
        (KA | {"density": 1.215}, ["density 1.215 (trained on 1.2)"]),
        (KA | {"density": 1.0}, ["density 1 (trained on 1.2)"]),
        (KA | {"species": (79, 21)}, []),
        (KA | {"species": (20, 80)}, ["20 % A, 80 % B (trained on 80 % A, 20 % B)"]),
        (KA | {"temperature": 0.44}, ["T = 0.44 (trained on 0.64)"]),
        ({"liquid": "mine"}, ["liquid mine (trained on ka)"]),
    ],
)
def test_departures_are_named(changes, says):
    assert departures(point(**changes), [point(**KA)]) == says


def test_any_state_point_of_the_training_will_do():
    trained = [point(**KA), point(liquid="ka", temperature=0.5, density=1.3)]
    assert departures(point(liquid="ka", temperature=0.5, density=1.2), trained) == []
    found = departures(point(liquid="ka", temperature=0.55, density=1.25), trained)
    assert found == [
        "T = 0.55 (trained on 0.64, 0.5)",
        "density 1.25 (trained on 1.2, 1.3)",
    ]


def test_without_a_record_nothing_is_said():
    assert departures(point(**KA), ()) == []


def told(liquid=None, temperature=None, density=None) -> StatePoint:
    return StatePoint.stated(liquid, temperature, density)


NEEDS: dict[Quantity, str] = {"liquid": "cage states", "temperature": "cage states"}
TRAINED = [point(**KA), point(**KA, density=1.3)]


@pytest.mark.parametrize(
    ("file", "user", "trained", "liquid", "temperature", "assumed"),
    [
        (told("ka", 0.5), told(), TRAINED, "ka", 0.5, ()),
        (told(), told("ka", 0.5), TRAINED, "ka", 0.5, ()),
        (told("ka", 0.5), told("ka", 0.5), (), "ka", 0.5, ()),
        (told("ka"), told(temperature=0.5), (), "ka", 0.5, ()),
        (told(), told(), TRAINED, "ka", 0.64, ("liquid ka", "T = 0.64")),
        (told("ka2d"), told(), TRAINED, "ka2d", 0.64, ("T = 0.64",)),
    ],
)
def test_the_file_tells_then_the_user_then_the_model(
    file, user, trained, liquid, temperature, assumed
):
    found = resolve(file, user, trained, NEEDS)
    assert (found.point.liquid, found.point.temperature) == (liquid, temperature)
    assert found.assumed == assumed


def test_nothing_is_assumed_that_nothing_needs():
    assert resolve(told(), told(), TRAINED) == (StatePoint(), ())
    found = resolve(told(), told(), TRAINED, {"liquid": "energies"})
    assert found == (StatePoint(liquid="ka"), ("liquid ka",))


@pytest.mark.parametrize(
    ("file", "user", "says", "parameter"),
    [
        (told("ka"), told("ka2d"), "says liquid 'ka', not 'ka2d'", "liquid"),
        (
            told(temperature=1.0),
            told(temperature=0.5),
            "says temperature 1, not 0.5",
            "temperature",
        ),
        (point(), told(density=1.3), "says density 1.2, not 1.3", "density"),
    ],
)
@pytest.mark.parametrize("needs", [NEEDS, None])
def test_contradictions_are_errors_whether_or_not_anything_needs_them(
    file, user, says, parameter, needs
):
    with pytest.raises(SettingsError, match=f"^{says}$") as caught:
        resolve(file, user, TRAINED, needs)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("file", "trained", "needs", "says", "parameter"),
    [
        (StatePoint(), (), "liquid", "does not say which liquid it is of, needed by x", "liquid"),
        (StatePoint(), [point(liquid="mine")], "liquid", "does not say which liquid", "liquid"),
        (StatePoint(), [*TRAINED, point(liquid="ka2d")], "liquid", "does not say", "liquid"),
        (StatePoint("mine"), (), "liquid", "the liquid 'mine', which is not built in", "liquid"),
        (StatePoint("ka"), (), "temperature", "tells no temperature, needed by x", "temperature"),
        (
            StatePoint(),
            [*TRAINED, point(temperature=0.5)],
            "temperature",
            "tells no temperature",
            "temperature",
        ),
        (StatePoint(), TRAINED, "density", "tells no density, needed by x", "density"),
    ],
)
def test_what_is_needed_and_unknown_is_an_error(file, trained, needs, says, parameter):
    with pytest.raises(SettingsError, match=says) as caught:
        resolve(file, StatePoint(), trained, {needs: "x"})
    assert caught.value.parameter == parameter


def test_values_that_are_the_same_to_rounding_do_not_contradict():
    point = resolve(told(temperature=0.44), told(temperature=0.44 * (1 + 1e-7))).point
    assert point.temperature == 0.44
    assert resolve(told(density=1.204), told(density=1.2)).point.density == (1.204, 1.204)


def test_a_file_describes_the_liquid_that_data_name(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        load_liquid_settings("ka").model_copy(update={"name": "mine"}).model_dump_json()
    )
    for file in (StatePoint("mine"), StatePoint()):
        found = resolve(file, told(mine), TRAINED, {"liquid": "energies"})
        assert found == (StatePoint(str(mine)), ())
    assert resolve(told(mine), StatePoint("mine")).point.liquid == str(mine)
    with pytest.raises(SettingsError, match="says liquid 'ka', not 'mine'"):
        resolve(StatePoint("ka"), told(mine))


@pytest.mark.parametrize(
    ("options", "says", "parameter"),
    [
        ({"liquid": "kaa"}, "unknown liquid 'kaa'", "liquid"),
        ({"temperature": 0.0}, "temperature must be positive, got 0", "temperature"),
        ({"temperature": float("inf")}, "temperature must be positive, got inf", "temperature"),
        ({"density": -1.0}, "density must be positive, got -1", "density"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_stated(options, says, parameter):
    with pytest.raises(SettingsError, match=says) as caught:
        StatePoint.stated(**options)
    assert caught.value.parameter == parameter


def test_configurations_that_are_trained_on_share_a_liquid():
    assert common_liquid({"a": point(**KA), "b": point(**KA)}) == "ka"
    with pytest.raises(SettingsError, match="x does not say which liquid it is of"):
        common_liquid({"a": point(**KA), "x": point()})
    with pytest.raises(SettingsError, match="are of several liquids, ka, ka2d"):
        common_liquid({"a": point(**KA), "b": point(liquid="ka2d")})
