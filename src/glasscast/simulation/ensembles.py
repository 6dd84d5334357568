"""Statistical ensembles an engine can integrate in, as LAMMPS commands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NVE:
    """Newton's equations; production runs are always these."""

    def commands(self) -> list[str]:
        """Commands that add the integrator."""
        return ["fix integrate all nve"]

    def end(self) -> list[str]:
        """Commands that remove it."""
        return ["unfix integrate"]


@dataclass(frozen=True)
class NVT:
    """Nose-Hoover thermostat, from one temperature to another; the box may shrink meanwhile.

    Parameters
    ----------
    start, stop : temperatures at the beginning and the end.
    damping : time constant.
    sides : final box sides, reached linearly in time, particles following affinely; None keeps it.
    """

    start: float
    stop: float
    damping: float
    sides: tuple[float, ...] | None = None

    def commands(self) -> list[str]:
        """Commands that add the integrator and the change of the box."""
        lines = [f"fix integrate all nvt temp {self.start!r} {self.stop!r} {self.damping!r}"]
        if self.sides is not None:
            change = " ".join(
                f"{axis} final 0.0 {side!r}" for axis, side in zip("xyz", self.sides, strict=False)
            )
            lines.append(f"fix shrink all deform 1 {change} remap x")
        return lines

    def end(self) -> list[str]:
        """Commands that remove them."""
        return ["unfix integrate"] + (["unfix shrink"] if self.sides is not None else [])


@dataclass(frozen=True)
class NPT:
    """Nose-Hoover thermostat and isotropic barostat."""

    start: float
    stop: float
    damping: float
    pressure: float
    pressure_damping: float

    def commands(self) -> list[str]:
        """Commands that add the integrator."""
        return [
            f"fix integrate all npt temp {self.start!r} {self.stop!r} {self.damping!r} "
            f"iso {self.pressure!r} {self.pressure!r} {self.pressure_damping!r}"
        ]

    def end(self) -> list[str]:
        """Commands that remove it."""
        return ["unfix integrate"]


Ensemble = NVE | NVT | NPT
