from __future__ import annotations

import numpy as np
import pytest

from glasscast.errors import SettingsError, SimulationError
from glasscast.simulation.engine import Reading, maxwell_boltzmann, steps_of


def test_velocities_have_the_temperature_the_masses_and_no_momentum(rng):
    masses = np.repeat([1.0, 4.0], 20000)
    v = maxwell_boltzmann(0.7, masses, 3, rng)
    np.testing.assert_allclose(masses @ v, 0, atol=1e-9)
    assert np.sum(masses[:, None] * v**2) / (3 * 40000 - 3) == pytest.approx(0.7, rel=0.01)
    assert v[20000:].var() == pytest.approx(0.7 / 4, rel=0.03)
    # a Gaussian has kurtosis 3
    assert np.mean(v[:20000] ** 4) / np.mean(v[:20000] ** 2) ** 2 == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_impossible_temperatures_are_refused(temperature, rng):
    with pytest.raises(SettingsError, match="temperature must be positive"):
        maxwell_boltzmann(temperature, np.ones(3), 3, rng)


def test_times_that_a_step_cannot_tell_apart_are_refused():
    assert steps_of([0.1, 33], 0.005) == [20, 6600]
    with pytest.raises(SettingsError, match=r"are not told apart by a time step of 0\.005"):
        steps_of([0.1, 0.101], 0.005)
    with pytest.raises(SettingsError, match="not told apart"):
        steps_of([0.001], 0.005)


def test_a_reading_without_a_finite_energy_is_an_error():
    energy = np.array([-7.0, np.nan])
    with pytest.raises(SimulationError, match="energy became nan after 3 steps: particles overlap"):
        Reading(3, np.zeros((2, 4, 3)), energy, energy, energy, energy)
