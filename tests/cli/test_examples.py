"""The files in examples that make data: whole in kind, and the small ones run as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasscast.config import read
from glasscast.datasets.dataset import Dataset
from glasscast.liquid.definition import load_liquid
from glasscast.simulation.cage import check_cage
from glasscast.simulation.campaign.plan import Plan
from glasscast.simulation.equilibration import box_of
from glasscast.simulation.settings import SimulationSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = sorted(EXAMPLES.glob("simulate-*-small.yaml"))
MADE = [p for p in sorted(EXAMPLES.glob("simulate-*.yaml")) if "starts:" not in p.read_text()]


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_a_file_can_be_carried_out(path, tmp_path):
    plan = Plan.make(read(SimulationSettings, path), tmp_path)
    s, liquid = plan.settings, plan.liquid
    box = box_of(liquid, s.particles, s.density)
    assert liquid.counts(s.particles).sum() == s.particles
    if s.cage is not None:
        check_cage(liquid, box, s.cage)
    assert len(plan.splits()) in (0, 2)


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_a_small_file_is_of_the_kind_of_its_sibling(path):
    small, whole = (
        read(SimulationSettings, p) for p in (path, Path(str(path).replace("-small", "")))
    )
    for key in ("liquid", "inherent", "engine"):
        assert getattr(small, key) == getattr(whole, key), key
    assert (small.pressure, small.cage is None) == (whole.pressure, whole.cage is None)
    assert small.equilibration.expansion == whole.equilibration.expansion


@pytest.mark.parametrize(
    "path", sorted((EXAMPLES / "liquids").glob("*.yaml")), ids=lambda p: p.name
)
def test_a_liquid_of_an_example_loads(path):
    liquid = load_liquid(path)
    assert liquid.name == path.stem
    assert np.all(liquid.pair_force(0.9 * liquid.cutoff[0, :1]) > 0)


@pytest.mark.lammps
@pytest.mark.slow
@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_a_small_file_runs_as_it_stands(path, program, tmp_path):
    pytest.importorskip("numba")
    outcome = program("simulate", path, "--out", tmp_path / "made")
    assert outcome.code == 0, outcome.err
    dataset, settings = Dataset.open(tmp_path / "made"), read(SimulationSettings, path)
    assert len(dataset) == settings.configurations
    assert {key: len(names) for key, names in dataset.splits.items()} == settings.splits
    for c in dataset:
        assert c.propensity.shape == (len(settings.times), settings.particles)
        assert np.all(np.diff(c.propensity.mean(axis=1)) > 0)
        assert (c.cage is None, c.inherent is None) == (False, settings.inherent is None)
