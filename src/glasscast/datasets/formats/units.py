r"""Files in other units than reduced Lennard-Jones ones, scaled on request.

Lengths are divided by sigma, times by :math:`\tau = \sigma \sqrt{m / \epsilon}` and temperatures
by :math:`\epsilon / k_B`. The unit styles are those that LAMMPS names; in ``lj`` the three factors
are numbers in any consistent units.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.frames import Frame
from glasscast.errors import InputError

_DALTON, _BOLTZMANN = 1.66053906660e-27, 1.380649e-23  # kg, J/K
_EV, _KCAL_MOL = 1.602176634e-19, 4184 / 6.02214076e23  # J
#: Style -> length in m, energy in J, mass in kg, time in s.
_STYLES = {
    "metal": (1e-10, _EV, _DALTON, 1e-12),
    "real": (1e-10, _KCAL_MOL, _DALTON, 1e-15),
    "si": (1.0, 1.0, 1.0, 1.0),
    "cgs": (1e-2, 1e-7, 1e-3, 1.0),
    "micro": (1e-6, 1e-15, 1e-15, 1e-6),
    "nano": (1e-9, 1e-21, 1e-21, 1e-9),
    "electron": (5.29177210903e-11, 4.3597447222071e-18, _DALTON, 1e-15),
}


@dataclass(frozen=True)
class Factors:
    """What the numbers of a file are divided by.

    Parameters
    ----------
    style : of the units of the file.
    sigma, epsilon, mass : of the liquid, in these units.
    time, temperature : tau and epsilon / k_B in these units.
    """

    style: str
    sigma: float
    epsilon: float
    mass: float
    time: float
    temperature: float

    def reduce(self, frame: Frame) -> Frame:
        """Return a frame in reduced units; its step is left."""
        scale = self.time / self.sigma
        return replace(
            frame,
            positions=frame.positions / self.sigma,
            box=frame.box / self.sigma,
            corner=None if frame.corner is None else frame.corner / self.sigma,
            velocities=None if frame.velocities is None else frame.velocities * scale,
            time=None if frame.time is None else frame.time / self.time,
        )

    def record(self) -> dict[str, Any]:
        """Return the factors as JSON values."""
        return asdict(self)

    def describe(self) -> str:
        """Return one line on what was done."""
        return (
            f"scaled from units {self.style}: lengths divided by {self.sigma:.6g}, times by "
            f"{self.time:.6g}, temperatures by {self.temperature:.6g}"
        )


def find_factors(path: Path, told: str | None, options: ReadOptions) -> Factors | None:
    """Return the factors of files; None for reduced units.

    Parameters
    ----------
    path : named in messages.
    told : style that the file names, if any.

    Raises
    ------
    InputError : for units that are not reduced, without the factors that make them so.
    """
    style = options.units or told or "lj"
    if told is not None and style != told:
        raise InputError(path, f"has units '{told}', not '{style}'", "", "units")
    given = {key: getattr(options, key) for key in ("sigma", "epsilon", "mass")}
    absent = [key for key, value in given.items() if value is None]
    if style == "lj":
        if len(absent) == len(given):
            return None
        sigma, epsilon, mass = (value or 1.0 for value in given.values())
        return Factors(style, sigma, epsilon, mass, sigma * (mass / epsilon) ** 0.5, epsilon)
    if absent:
        raise refuse_units(path, style, absent)
    length, energy, weight, time = _STYLES[style]
    sigma, epsilon, mass = given.values()
    tau = sigma * length * (mass * weight / (epsilon * energy)) ** 0.5 / time
    return Factors(style, sigma, epsilon, mass, tau, epsilon * energy / _BOLTZMANN)


def refuse_units(path: Path, style: str, absent: list[str]) -> InputError:
    """Return the error of a file in other units, which names the factors that are wanted."""
    known = style in _STYLES
    return InputError(
        path,
        f"has units '{style}'",
        f"give {', '.join(absent)} of its liquid in these units" if known else "write it in lj",
        absent[0] if known else "",
    )
