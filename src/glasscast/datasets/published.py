"""What the public data sets leave out of their files: times behind tags, densities, boxes.

Reduced Lennard-Jones units. A tag is the number after ``tc`` in a file name. Sources: Shiba et
al., J. Chem. Phys. 158, 084503 (2023) for KA; Jung et al., arXiv:2311.14752 for KA2D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasscast.errors import InputError
from glasscast.liquid.box import FloatArray

KA_DENSITY = 1.2
KA2D_SIDE = 32.8962
KA2D_SIZE = 1290


#: Field of a configuration -> key of the published files.
EQUILIBRIUM_KEYS = {"inherent": "initial_positions_inherent", "cage": "initial_positions_cage"}


def published_box(size: int, dimension: int) -> FloatArray:
    """Sides (d,) of the box that published files leave out: of KA in 3D, of KA2D in 2D.

    The shortened copies that tests and examples use have a box of the same density.
    """
    if dimension == 3:
        return np.full(3, (size / KA_DENSITY) ** (1 / 3))
    return np.full(2, KA2D_SIDE * (size / KA2D_SIZE) ** 0.5)


@dataclass(frozen=True)
class StatePoint:
    """Times of one published state point.

    Parameters
    ----------
    liquid : "ka" or "ka2d".
    temperature : in units of epsilon_AA / k_B.
    times : tag -> time, ascending.
    """

    liquid: str
    temperature: float
    times: Mapping[int, float]


def _counted(*times: float, step: int = 1) -> dict[int, float]:
    return {step * (row + 1): time for row, time in enumerate(times)}


STATE_POINTS = (
    StatePoint("ka", 0.44, _counted(0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000)),
    StatePoint("ka", 0.50, _counted(0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860)),
    StatePoint("ka", 0.56, _counted(0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650)),
    StatePoint("ka", 0.64, _counted(0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520)),
    StatePoint(
        "ka2d", 0.23, _counted(0.1, 1.1, 11.64, 122.47, 1288.41, 13554, 142587, 1.5e6, step=5)
    ),
    # The steps of five are known for T = 0.23; the six times here are taken to be tagged alike.
    StatePoint("ka2d", 0.30, _counted(0.11, 1.25, 14.14, 158.74, 1781.79, 20000, step=5)),
)


def state_point(path: Path, liquid: str, temperature: float) -> StatePoint:
    """Find the published state point of a file.

    Raises
    ------
    InputError : if no table has the temperature.
    """
    for point in STATE_POINTS:
        if point.liquid == liquid and abs(point.temperature - temperature) < 1e-6:
            return point
    known = ", ".join(f"{p.temperature:g}" for p in STATE_POINTS if p.liquid == liquid)
    raise InputError(
        path,
        f"no time table for {liquid} at T = {temperature:g} (known: {known})",
        "give the time of each tag with the option 'times'",
    )


def time_of_tag(path: Path, times: Mapping[int, float], tag: int) -> float:
    """Time that a file tag stands for.

    Raises
    ------
    InputError : if the table lacks the tag.
    """
    if tag not in times:
        known = ", ".join(f"tc{t:02d}" for t in times)
        raise InputError(
            path,
            f"the tag tc{tag:02d} has no time in the table ({known})",
            "rename the file or give the option 'times'",
        )
    return float(times[tag])
