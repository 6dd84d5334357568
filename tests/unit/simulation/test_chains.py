"""One long run from each start: frames around configurations, labels from both sides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from glasscast.datasets.splits import groups_of
from glasscast.errors import SettingsError
from glasscast.liquid.box import minimum_image
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.chains import frames, origins
from glasscast.simulation.settings import ChainSettings
from glasscast.workflows.simulate import simulate
from tests.unit.simulation.test_run import TINY, Lammps, contents, settings_of

CHAIN = {
    **{key: TINY[key] for key in ("name", "temperature", "particles", "seed")},
    "configurations": 2,
    "times": [0.05, 0.25, 0.5],
    "equilibration": {"hot_time": 0.5, "quench_time": 0.5, "time": 0.5},
    "chain": {"length": 1.0, "every": 0.25},
    "splits": {"train": 1, "test": 1},
}


def test_frames_lie_around_configurations():
    chain = ChainSettings(length=10.0, every=4.0)
    assert origins(chain, 1.0) == [0, 4, 8]
    assert frames(chain, [1.0, 8.0], 1.0) == [1, 3, 4, 5, 7, 8, 9]
    with pytest.raises(SettingsError, match="a chain of 10 has no two configurations 9 apart"):
        frames(chain, [9.0], 1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chain": {"length": 1.0, "every": 2.0}}, "at least the time between"),
        ({"cage": True}, "the frames of a chain get equilibrium positions afterwards"),
        ({"keep_trajectories": True}, "a chain is kept anyway"),
        ({"chain": {"length": 0.4, "every": 0.1}}, "has no two configurations 0.5 apart"),
    ],
)
def test_what_makes_no_chain_is_refused(tmp_path, changes, message):
    with pytest.raises(SettingsError, match=message):
        Plan.make(settings_of(CHAIN | changes), tmp_path)


@pytest.mark.lammps
def test_every_configuration_of_a_chain_is_labelled_from_both_sides(tmp_path, monkeypatch):
    made, opened = Lammps.open, []

    def counted(self, *arguments):
        if len(opened) == stop:
            raise KeyboardInterrupt
        opened.append(1)
        return made(self, *arguments)

    stop = 10  # amid the first chain
    monkeypatch.setattr(Lammps, "open", counted)
    with pytest.raises(KeyboardInterrupt):
        simulate(settings_of(CHAIN), tmp_path / "killed")
    stop = -1
    data = simulate(settings_of(CHAIN), tmp_path / "killed")
    assert len(opened) == 2 * (4 + 4)  # a minimum, three phases, and the run from each origin
    assert data.names[:2] == ["tiny-0000-0000", "tiny-0000-0003"]
    assert len(data) == 2 * 5
    assert {c.metadata.origin.kind for c in data} == {"chain"}
    assert len(set(groups_of(list(data)))) == 2
    assert [len(names) for names in data.splits.values()] == [5, 5]
    first = list(data)[:5]
    assert [c.runs.tolist() for c in first] == [
        [1, 1, 1], [2, 2, 1], [2, 2, 2], [2, 2, 1], [1, 1, 1],
    ]  # fmt: skip
    steps = [
        np.linalg.norm(minimum_image(b.positions - a.positions, a.box), axis=1)
        for a, b in pairwise(first)
    ]
    assert np.mean(steps) > 0.05
    for k, c in enumerate(first):
        neighbours = steps[max(0, k - 1) : k + 1]
        np.testing.assert_allclose(c.propensity[1], np.mean(neighbours, axis=0), atol=1e-5)
    (source,) = data.sources
    told = source.model_dump()
    assert told["as"] == "chain"
    assert told["particle_steps"] == {"equilibration": 2 * 300 * 300, "runs": 2 * 200 * 300}
    assert told["chains"]["tiny-0000"]["every"] == 0.25
    before = contents(tmp_path / "killed")
    simulate(settings_of(CHAIN), tmp_path / "killed")
    assert contents(tmp_path / "killed") == before
    simulate(settings_of(CHAIN), tmp_path / "whole")
    assert contents(tmp_path / "whole") == before
