"""The alarm: snapshots unlike the training are told, with what is unusual; sound ones are not."""

import json
from functools import cache

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.models import limits
from glasscast.models.limits import Limits, Spread
from glasscast.workflows.demo import load_sample


@cache
def learned() -> Limits:
    """Return the limits of eight configurations at T = 0.64."""
    return Limits.of(list(load_sample().split("train")[:8]))


def bare(configuration: Configuration, positions: np.ndarray, box: np.ndarray) -> Configuration:
    return Configuration(
        name="x",
        positions=np.mod(positions, box),
        types=configuration.types,
        box=box,
        metadata=configuration.metadata,
    )


def shaken(configuration: Configuration, share: float) -> Configuration:
    """Move every particle from its inherent position by a share of its thermal displacement.

    Squares of displacements are proportional to the temperature: 0.69 and 1.56 of it, or so.
    """
    away = configuration.displacement_to("inherent")
    return bare(configuration, configuration.positions + (1 - share) * away, configuration.box)


def fcc(configuration: Configuration) -> Configuration:
    """Return a crystal of the same density and mixture, its species at random."""
    cell = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    sites = (corners + cell).reshape(-1, 3)[: configuration.size] * (4 / 1.2) ** (1 / 3)
    rng = np.random.default_rng(0)
    box = np.full(3, 8 * (4 / 1.2) ** (1 / 3))
    return bare(configuration, sites + 0.05 * rng.normal(size=sites.shape), box)


def strained(configuration: Configuration, strain: float) -> Configuration:
    sides = np.array([1 + strain, *[(1 + strain) ** -0.5] * 2])
    return bare(configuration, configuration.positions * sides, configuration.box * sides)


def squeezed(configuration: Configuration, density: float) -> Configuration:
    side = (1 / density) ** (1 / 3)
    return bare(configuration, configuration.positions * side, configuration.box * side)


def said(configuration: Configuration) -> list[str]:
    return [departure.what for departure in learned().departures(configuration)]


@pytest.mark.parametrize("index", [3, 7])
def test_snapshots_of_the_training_state_are_sound(index):
    assert said(load_sample()[index]) == []


@pytest.mark.parametrize(
    ("foreign", "what"),
    [
        (lambda c: shaken(c, 0.83), limits.ENERGY),  # cooler than the file tells
        (lambda c: shaken(c, 1.25), limits.PRESSURE),  # hotter
        (fcc, limits.BOND_ORDER),
        (lambda c: strained(c, 0.03), limits.STRESS),
        (lambda c: squeezed(c, 1.05), limits.PRESSURE),
    ],
    ids=["cooler", "hotter", "crystal", "strained", "too dense"],
)
def test_foreign_snapshots_are_told_with_what_is_unusual(foreign, what):
    assert what in said(foreign(load_sample()[3]))


def test_an_unnamed_liquid_is_known_by_its_structure():
    """Without interactions there is no energy; a crystal and a dense box are found all the same."""
    names = [c.with_fields(metadata={}) for c in load_sample().split("train")[:8]]
    unnamed = Limits.of(names)
    assert limits.ENERGY not in unnamed.states[0].quantities
    sound = load_sample()[3].with_fields(metadata={})
    assert unnamed.departures(sound) == ()
    for foreign in (fcc(sound), squeezed(sound, 1.1)):
        assert unnamed.departures(foreign)


def test_a_smaller_snapshot_may_differ_more():
    spread = Spread.of(np.array([1.0, 1.1, 0.9, 1.0]), np.full(4, 1000.0))
    value = 2.5
    assert spread.departure("x", value, 4000, 1e-3) is not None
    assert spread.departure("x", value, 100, 1e-3) is None
    large = spread.departure("x", value, 4000, 1e-3)
    assert str(large).startswith("x 2.5 (trained on ")


def test_one_configuration_tells_nothing_of_others():
    assert Spread.of(np.ones(1), np.ones(1)).departure("x", 100.0, 10, 1e-4) is None


def test_a_liquid_that_relaxes_faster_is_told_where_the_snapshot_is_labelled():
    c = load_sample()[3]
    faster = c.with_fields(propensity=1.2 * c.propensity, propensity_halves=None)
    (found,) = learned().departures(faster)
    assert found.what.startswith("mean propensity of ")
    assert found.value > found.high
    one = np.ones_like(c.runs)
    assert learned().departures(faster.with_fields(runs=one)) == ()  # a single run says too little


def test_limits_are_kept():
    again = Limits.from_record(json.loads(json.dumps(learned().record(), allow_nan=False)))
    crystal = fcc(load_sample()[3])
    for mine, kept in zip(learned().departures(crystal), again.departures(crystal), strict=True):
        assert mine.what == kept.what
        np.testing.assert_allclose((mine.low, mine.high), (kept.low, kept.high), rtol=1e-5)


@pytest.mark.slow
def test_states_are_told_apart():
    """A model of two temperatures takes snapshots of either, and of none between or beyond."""
    train = list(load_sample().split("train")[:8])
    cool = [shaken(c, 0.7) for c in train]
    point = {"liquid": "ka", "temperature": 0.4}
    cool = [c.with_fields(name=f"c{k}", metadata=point) for k, c in enumerate(cool)]
    both = Limits.of([*train, *cool])
    assert len(both.states) == 2
    last = load_sample()[3]
    assert both.departures(last) == ()
    assert both.departures(shaken(last, 0.7)) == ()
    assert both.departures(shaken(last, 0.85))
