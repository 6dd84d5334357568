"""State points of a training: what is recorded, and what is taken for another one."""

import json

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.state_points import StatePoint, always_there, departures, merged


def snapshot(density=1.2, species=(80, 20), **metadata) -> Configuration:
    types = np.repeat(np.arange(len(species)), species).astype(np.int8)
    side = (len(types) / density) ** (1 / 3)
    positions = np.random.default_rng(0).random((len(types), 3)) * side
    box = np.full(3, side)
    return Configuration(
        name="x", positions=positions, types=types, box=box, metadata=dict(metadata)
    )


def point(**changes) -> StatePoint:
    return StatePoint.of(snapshot(**changes))


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
