"""In equilibrium a single run samples the propensity of where it starts, and of where it ends.

Walkers hop on a ring of sites with barriers of any height between them, symmetric, so that all
sites are equally likely in equilibrium and no hop is likelier than its reverse. What a site's
propensity is follows exactly; labels of single runs must have its mean and the slope 1 against it.
"""

import numpy as np
import pytest
from tests.unit.datasets.formats.format_writers import Liquid, dump_text, write_botan

from glasscast.workflows.import_data import import_data

SITES, SPACING, HOPS, WALKERS, RUNS = 40, 0.3, 30, 300, 12


@pytest.fixture
def hopping(rng):
    """Chance of a hop from each site to the right: (SITES,)."""
    return rng.uniform(0.01, 0.4, SITES) ** 1.5


def walk(hopping, sites, hops, rng):
    """Places after some hops, not brought back onto the ring."""
    for _ in range(hops):
        draw = rng.random(sites.shape)
        right, left = hopping[sites % SITES], hopping[(sites - 1) % SITES]
        sites = sites + (draw < right) - ((draw >= right) & (draw < right + left))
    return sites


def propensity(hopping):
    """Mean distance after HOPS, by the exact distribution: (SITES,)."""
    offsets = np.arange(-HOPS - 1, HOPS + 2)
    here = (np.arange(SITES)[:, None] + offsets) % SITES
    right, left = hopping[here], hopping[(here - 1) % SITES]
    chance = (offsets == 0) * np.ones((SITES, 1))
    for _ in range(HOPS):
        moved = chance * (1 - right - left)
        moved[:, 1:] += (chance * right)[:, :-1]
        moved[:, :-1] += (chance * left)[:, 1:]
        chance = moved
    return SPACING * chance @ np.abs(offsets)


class Tracks:
    """Walkers on tracks side by side, each with a mirror image, so that their centre rests."""

    def __init__(self, rng):
        self.box = np.full(3, 30.0)
        self.tracks = rng.random((2 * WALKERS, 2)) * 30
        self.types = np.arange(2 * WALKERS) % 2

    def places(self, sites):
        """Sites (.., WALKERS) -> positions (.., 2 WALKERS, 3)."""
        along = SPACING * np.concatenate([sites, -sites], axis=-1)[..., None]
        across = np.broadcast_to(self.tracks, (*along.shape[:-1], 2))
        return np.concatenate([along, across], axis=-1)


def agreement(expected, labels):
    """Slope - 1 and difference of the means of labels (M, WALKERS), each over its error.

    A walker is independent of the others, what it does at different times is not.
    """
    x, miss = expected - expected.mean(), labels - labels.mean()
    slope = np.sum(x * miss) / np.sum(x**2)
    error = np.sqrt(np.sum(np.sum(x * (miss - slope * x), axis=0) ** 2)) / np.sum(x**2)
    difference = (labels - expected).mean(axis=0)
    return (slope - 1) / error, difference.mean() / (difference.std() / np.sqrt(WALKERS))


def backwards(tmp_path, hopping, start, rng):
    """Expected and found labels of the ends of runs."""
    tracks = Tracks(rng)
    ends = walk(hopping, np.tile(start, (RUNS, 1)), HOPS, rng)
    runs = tracks.places(ends)[:, None]
    liquid = Liquid(tracks.places(start), tracks.types, tracks.box, runs, np.array([4120.0]))
    write_botan(tmp_path / "in", liquid, 0, tag=7)
    data = import_data(tmp_path / "in", tmp_path / "out", reading="reversed")
    labels = np.array([c.propensity[0, :WALKERS] for c in data])
    return propensity(hopping)[ends % SITES], labels


def test_a_run_read_backwards_samples_the_propensity_of_its_end(tmp_path, hopping, rng):
    start = rng.integers(0, SITES, WALKERS)
    expected, labels = backwards(tmp_path, hopping, start, rng)
    slope, mean = agreement(expected, labels)
    assert max(abs(slope), abs(mean)) < 3.5


def test_out_of_equilibrium_it_does_not(tmp_path, hopping, rng):
    """From a few sites the runs end where they have just come to, by the easy ways."""
    slowest = np.argsort(propensity(hopping))[:2]
    expected, labels = backwards(tmp_path, hopping, rng.choice(slowest, WALKERS), rng)
    slope, mean = agreement(expected, labels)
    assert max(abs(slope), abs(mean)) > 5


def test_both_sides_of_a_chain_sample_the_propensity_of_its_frames(tmp_path, hopping, rng):
    tracks, sites = Tracks(rng), [rng.integers(0, SITES, WALKERS)]
    for _ in range(12):
        sites.append(walk(hopping, sites[-1], HOPS // 2, rng))
    (tmp_path / "in").mkdir()
    frames = (
        dump_text(100 * k, tracks.places(s), tracks.types, tracks.box) for k, s in enumerate(sites)
    )
    (tmp_path / "in" / "run.dump").write_text("".join(frames))
    options = {"timestep": 0.01, "times": (2.0,)}
    data = import_data(tmp_path / "in", tmp_path / "out", reading="chain", options=options)
    both = [(k, c.propensity_halves[:, 0, :WALKERS]) for k, c in enumerate(data) if c.runs[0] == 2]
    assert len(both) == 9
    expected = propensity(hopping)[np.array([sites[k] for k, _ in both]) % SITES]
    for side in (0, 1):  # forward, backward
        slope, mean = agreement(expected, np.array([halves[side] for _, halves in both]))
        print(slope, mean)
    assert max(abs(slope), abs(mean)) < 3.5
