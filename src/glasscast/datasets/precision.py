r"""Round labels far below their statistical error, so that they compress.

The error of an isoconfigurational mean over R runs is seen in its two halves: at each time
:math:`e(t) = \langle (p_i^{(0)} - p_i^{(1)})^2 \rangle^{1/2} / 2` over the particles, p the
propensity of a half; without halves e(t) is the standard deviation of the propensity over the
particles of the commonest species, divided by :math:`R^{1/2}`. A label is rounded to multiples of
the largest power of two below a share of e(t). Rounding to multiples of :math:`\Delta` adds
:math:`\Delta^2/12` to the variance of a label.

Shares are chosen by the errors of Kob-Andersen liquids (T = 0.64, 32 runs, t = 0.1 to 16.5),
which are in units of e(t): tendency 1.1-1.2 (a component), pair-distance change 1.3-1.6, R_i
0.87-0.95, D_i 0.72-0.86, bond breaking 0.04 (t = 0.1) to 0.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.fields import FIELDS

#: Field -> share of e(t). They lengthen the error of a label by 1-2 %, that of the pair-distance
#: change, which takes half of all space, by 4 %.
SHARES = {
    "propensity": 1 / 8,  # finer than its halves: figures show it, and it takes little space
    "propensity_halves": 0.5,
    "tendency": 0.5,
    "bond_change": 1.5,
    "bond_change_halves": 1.0,
    "bond_breaking": 1 / 16,
    "neighbour_relative": 0.5,
    "nonaffine": 0.5,
}
#: Resolution of equilibrium positions, in sigma: a minimum to the precision of 32-bit numbers, a
#: cage state to a fortieth of its own error of 0.01. The snapshot itself stays exact.
COORDINATES = {"inherent": 2.0**-20, "cage": 2.0**-12}


def compacted(configuration: Configuration) -> Configuration:
    """Return a copy with rounded labels and equilibrium positions.

    Labels stay as they are where nothing tells their error.
    """
    changes: dict[str, Any] = {}
    for key, resolution in COORDINATES.items():
        value = getattr(configuration, key)
        if value is not None:
            rounded = np.round(value / resolution) * resolution
            changes[key] = np.where(rounded >= configuration.box, 0.0, rounded)
    error = label_error(configuration)
    for key, share in SHARES.items():
        value = getattr(configuration, key)
        if value is not None:
            changes[key] = _rounded(value, share * error, FIELDS[key].shape.index("T"))
    return configuration.with_fields(**changes)


def label_error(configuration: Configuration) -> NDArray[np.float64]:
    """Error e(t) of the propensity at each time, (T,) in sigma; NaN where nothing tells it."""
    error = np.full(len(configuration.times), np.nan)
    propensity, halves = configuration.propensity, configuration.propensity_halves
    if propensity is not None and configuration.runs is not None and configuration.size:
        commonest = configuration.types == np.bincount(configuration.types).argmax()
        runs = np.where(configuration.runs > 0, configuration.runs, np.nan)
        error = np.std(propensity[:, commonest], axis=1, dtype=np.float64) / np.sqrt(runs)
    if halves is not None:
        told = np.sqrt(np.mean((halves[0] - halves[1]) ** 2, axis=1, dtype=np.float64)) / 2
        error = np.where(np.isfinite(told), told, error)
    return error


def _rounded(value: np.ndarray[Any, Any], limit: np.ndarray[Any, Any], axis: int) -> Any:
    """Round to multiples of the largest powers of two up to a limit for each time."""
    shape = [1] * value.ndim
    shape[axis] = -1
    steps = np.exp2(np.floor(np.log2(np.maximum(limit, 2.0**-23)))).reshape(shape)
    known = np.isfinite(steps)  # halves tell nothing of a row with a single run
    rounded = np.round(value / np.where(known, steps, 1.0)) * steps
    return np.where(known, rounded, value).astype(value.dtype)
