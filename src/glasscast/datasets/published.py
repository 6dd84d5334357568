"""Facts of the public data sets: times behind tags, relaxation times, densities, boxes.

Reduced Lennard-Jones units. A tag is the number after ``tc`` in a file name. Sources: Shiba et
al., J. Chem. Phys. 158, 084503 (2023) for KA; Jung et al., arXiv:2311.14752 for KA2D, whose tags
count by five at T = 0.23 and by one at T = 0.30.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasscast.datasets.state_points import StatePoint
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
class PublishedSet:
    """One state point of a public data set.

    Parameters
    ----------
    point : its liquid, "ka" or "ka2d", and temperature.
    times : tag -> time, ascending.
    tau_alpha : structural relaxation time.
    """

    point: StatePoint
    times: Mapping[int, float]
    tau_alpha: float

    @property
    def name(self) -> str:
        """Name of its times in settings: ``glassbench-ka-T0.44``."""
        return f"glassbench-{self.point.liquid}-T{self.point.temperature:.2f}"


def _counted(*times: float, step: int = 1) -> dict[int, float]:
    return {step * (row + 1): time for row, time in enumerate(times)}


SETS = (
    PublishedSet(
        StatePoint("ka", 0.44),
        _counted(0.13, 1.3, 13, 130, 412, 1300, 4120, 13000, 41200, 130000),
        4120.0,
    ),
    PublishedSet(
        StatePoint("ka", 0.50),
        _counted(0.108, 0.434, 2.17, 6.86, 21.7, 68.6, 217, 686, 2170, 6860),
        217.0,
    ),
    PublishedSet(
        StatePoint("ka", 0.56),
        _counted(0.104, 0.33, 0.99, 1.65, 5.2, 16.5, 52, 165, 520, 1650),
        52.0,
    ),
    PublishedSet(
        StatePoint("ka", 0.64),
        _counted(0.032, 0.1, 0.165, 0.52, 1.65, 5.2, 16.5, 52, 165, 520),
        16.5,
    ),
    PublishedSet(
        StatePoint("ka2d", 0.23),
        _counted(0.1, 1.1, 11.64, 122.47, 1288.41, 13554, 142587, 1.5e6, step=5),
        918306.0,
    ),
    PublishedSet(
        StatePoint("ka2d", 0.30),
        _counted(0.11, 1.25, 14.14, 158.74, 1781.79, 20000),
        2200.0,
    ),
)
#: Times by the name of their set.
TIME_TABLES = {known.name: tuple(known.times.values()) for known in SETS}


def find_set(liquid: str, temperature: float) -> PublishedSet | None:
    """Look up the published set of a liquid and temperature; None if there is none."""
    point = StatePoint(liquid, temperature)
    return next((known for known in SETS if known.point == point), None)


def times_of_tags(path: Path, liquid: str, temperature: float) -> Mapping[int, float]:
    """Tag -> time of the published set that a file belongs to.

    Raises
    ------
    InputError : if there is none of its temperature.
    """
    found = find_set(liquid, temperature)
    if found is None:
        known = [s.point.temperature for s in SETS if s.point.liquid == liquid]
        raise InputError(
            path,
            f"no time table for {liquid} at T = {temperature:g} (known: "
            f"{', '.join(f'{t:g}' for t in known)})",
            "give the time of each tag",
            "tags",
        )
    return found.times


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
            "rename the file or give the time of the tag",
            "tags",
        )
    return float(times[tag])
