"""Numbers of a dataset are those that were put into it."""

import json
import math

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.evaluation import structure as counted
from glasscast.evaluation.analysis import analyse_configurations
from glasscast.evaluation.relaxation import MeanCurve
from glasscast.evaluation.structure import StructureMeans, first_peak


def crystal(k=0, side=8, jitter=0.0):
    """Simple cubic lattice of spacing 1, its two species alternating."""
    rng = np.random.default_rng(k)
    points = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return Configuration(
        name=f"c{k}",
        positions=(points + rng.normal(scale=jitter, size=points.shape)) % side,
        types=(points.sum(axis=1) % 2).astype(np.int8),
        box=np.full(3, float(side)),
    )


def test_crystal_has_its_peaks_where_its_lattice_is():
    found = analyse_configurations([crystal(k, jitter=0.02) for k in range(2)], 2, [])
    assert found.equilibration is found.dynamics is found.labels is found.tendency is None
    structure = found.structure
    expected = {"A-A": math.sqrt(2), "A-B": 1.0, "B-B": math.sqrt(2)}
    for pair, distance in expected.items():
        assert first_peak(structure.radial[pair]) == pytest.approx(distance, abs=0.04)
        assert structure.radial[pair].x.max() < 4.0  # half the box
    # (1/2, 1/2, 1/2), where the two species scatter against each other
    assert first_peak(structure.static["A-A"]) == pytest.approx(math.pi * math.sqrt(3), abs=0.05)
    row = np.argmin(np.abs(structure.static["A-A"].x - math.pi * math.sqrt(3)))
    assert structure.static["A-B"].mean[row] == pytest.approx(
        -structure.static["A-A"].mean[row], rel=1e-2
    )
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["structure"]["radial_distribution"]["A-B"]["first_peak"] == pytest.approx(
        1.0, abs=0.04
    )


def test_structure_is_counted_in_a_few_configurations_spread_evenly(monkeypatch):
    monkeypatch.setattr(counted, "MOST_PARTICLES", 3 * 27)
    means, size = StructureMeans(8), 27
    one = analyse_configurations([crystal(side=3)], 1, []).structure
    for k in range(8):  # every third: 0, 3, 6
        means.add(crystal(k, side=3, jitter=0.0 if k % 3 == 0 else 0.3))
    found = means.result()
    assert found.configurations * size == 3 * 27
    np.testing.assert_allclose(found.static["A-A"].mean, one.static["A-A"].mean)


def test_boxes_may_differ():
    found = analyse_configurations([crystal(side=6), crystal(side=8)], 2, []).structure
    assert found.radial["A-A"].x.max() < 3.0
    assert np.isfinite(found.static["A-A"].mean).all()


def test_first_peak_is_the_top_of_the_first_rise_above_one():
    x = np.arange(6.0)
    for values, place in (
        ([0, 1.2, 1.5, 0.9, 3.0, 0], 2),
        ([0, 0, 0, 1.1, 1.3, 1.4], 5),
        ([2, 1.5, 1.4, 1.3, 1.2, 1.1], 0),
    ):
        assert first_peak(MeanCurve.of(x, [values])) == place
    assert math.isnan(first_peak(MeanCurve.of(x, [[0.0] * 6])))
    assert math.isnan(first_peak(MeanCurve.of([], [[]])))


def test_no_configuration_gives_no_numbers():
    found = analyse_configurations([], 0, [])
    assert found.record() == {}
