"""Real spherical harmonics of directions."""

from __future__ import annotations

from threading import Lock

import numpy as np

from glasscast.liquid.box import FloatArray

_FIRST_USE = Lock()


def real_harmonics(directions: FloatArray, degrees: int) -> FloatArray:
    """Real spherical harmonics of l = 0 .. ``degrees``, orthonormal on the sphere.

    Threads may call it at once: the compiled library learns on its first use what its functions
    take and give, and crashes in a thread that comes in between.

    Parameters
    ----------
    directions : (n, 3), of any length.

    Returns
    -------
    (n, (degrees + 1)^2) float64, degree by degree.
    """
    from sphericart import SphericalHarmonics

    with _FIRST_USE:
        calculator = SphericalHarmonics(degrees)
    return np.asarray(calculator.compute(np.ascontiguousarray(directions)))
