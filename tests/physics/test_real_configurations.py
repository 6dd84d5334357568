"""The engine, the minimiser and the cage on public configurations of real data sets."""

from __future__ import annotations

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.liquid.box import minimum_image, wrap
from glasscast.liquid.definition import load_liquid
from glasscast.simulation.equilibrium_positions import find_inherent
from glasscast.simulation.registry import load_engine
from glasscast.simulation.settings import InherentSettings

pytestmark = [pytest.mark.realdata, pytest.mark.lammps]


def minimum(liquid, positions, types, box):
    snapshot = Configuration(name="real", positions=wrap(positions, box), types=types, box=box)
    return find_inherent(liquid, snapshot, InherentSettings(), load_engine())


@pytest.fixture(scope="module")
def ka2d(real_data):
    path = real_data / "glassbench_ka2d" / "N1290T0.23_151_tc05.npz"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    with np.load(path) as file:
        box = np.full(2, float(file["box"]))
        keys = ("initial_positions", "initial_positions_inherent")
        return (*(wrap(file[key], box) for key in keys), file["types"] - 1, box)


@pytest.mark.slow
def test_ka2d_inherent_structures_lie_in_the_published_minimum(ka2d):
    """The published ones were minimised loosely (largest force 0.2), so both are minimised on."""
    start, published, types, box = ka2d
    liquid = load_liquid("ka2d")
    loose = np.linalg.norm(liquid.forces(published, types, box), axis=1).max()
    assert 0.05 < loose < 0.5
    ours = minimum(liquid, start, types, box)
    finished = minimum(liquid, published, types, box)
    assert ours.converged
    assert finished.converged
    off = minimum_image(ours.positions - finished.positions, box)
    off -= off.mean(axis=0)
    assert np.mean(np.linalg.norm(off, axis=1) < 0.01) == 1.0
    assert ours.energy == pytest.approx(finished.energy, abs=1e-10)
    assert ours.energy < liquid.energies(published, types, box).mean()


@pytest.mark.slow
def test_ka_inherent_energy_of_a_real_configuration(real_data):
    path = real_data / "botan_T0.44" / "isoconfig_N4096T0.44_1_tc07.npz"
    with np.load(path) as file:
        positions, types = file["initial_positions"], file["types"]
    box = np.full(3, (4096 / 1.2) ** (1 / 3))
    liquid = load_liquid("ka")
    # the energy that LAMMPS and an independent sum gave for this configuration
    thermal = liquid.energies(wrap(positions, box), types, box)
    assert thermal.mean() == pytest.approx(-6.18433298338449, abs=1e-12)
    result = minimum(liquid, positions, types, box)
    assert result.converged
    # one configuration among ten whose energies lie within about 0.01 of each other
    assert -6.87 < result.energy < -6.83
