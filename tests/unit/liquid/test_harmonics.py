"""Spherical harmonics: orthonormal, of any length, and safe in threads from the first use on."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import sphericart

from glasscast.liquid.harmonics import real_harmonics


def test_harmonics_are_orthonormal_and_take_directions_of_any_length(rng):
    directions = rng.normal(size=(200_000, 3))
    found = real_harmonics(directions, 2)
    np.testing.assert_allclose(4 * np.pi * found.T @ found / len(found), np.eye(9), atol=0.03)
    np.testing.assert_allclose(found[:5], real_harmonics(7 * directions[:5], 2), atol=1e-12)


def test_no_two_threads_set_the_compiled_library_up_at_once(monkeypatch):
    """The library is known before its functions are; a call in between crashes."""
    inside, most = [0], [0]

    class Slow(sphericart.SphericalHarmonics):
        def __init__(self, degrees: int) -> None:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            super().__init__(degrees)
            inside[0] -= 1

    monkeypatch.setattr(sphericart, "SphericalHarmonics", Slow)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: real_harmonics(np.eye(3), 4), range(8)))
    assert most == [1]
    assert all(np.array_equal(each, found[0]) for each in found)
