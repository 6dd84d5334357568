"""Molecular dynamics as LAMMPS commands, the same for the library and for input files."""

from __future__ import annotations

from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.engine import NPT, NVE, NVT, Ensemble
from glasscast.simulation.lammps.pair_potentials import TABLE_FILE, pair_commands
from glasscast.simulation.lammps.settings import LammpsSettings


def setup_commands(liquid: Liquid, box: FloatArray | None) -> list[str]:
    """Commands up to the interactions; with a box they create it, else they read ``start.data``."""
    lines = [
        "units lj",
        f"dimension {liquid.dimension}",
        "boundary p p p",
        "atom_style atomic",
        "atom_modify map array",
    ]
    if box is None:
        lines.append("read_data start.data")
    else:
        sides = [*box.tolist(), *([1.0] if liquid.dimension == 2 else [])]
        low = ["0.0"] * liquid.dimension + ["-0.5"] * (3 - liquid.dimension)
        high = [repr(s) for s in sides[: liquid.dimension]] + ["0.5"] * (3 - liquid.dimension)
        bounds = " ".join(f"{a} {b}" for a, b in zip(low, high, strict=True))
        lines += [f"region box block {bounds}", f"create_box {len(liquid.species)} box"]
    return lines


def interaction_commands(
    liquid: Liquid, settings: LammpsSettings, table: str = TABLE_FILE
) -> list[str]:
    """Masses, pair potential (perhaps from a table file), neighbour list and time step."""
    return [
        *(f"mass {a + 1} {float(m)!r}" for a, m in enumerate(liquid.masses)),
        *pair_commands(liquid, table),
        f"neighbor {settings.skin!r} bin",
        "neigh_modify every 1 delay 0 check yes",
        *(["fix flat all enforce2d"] if liquid.dimension == 2 else []),
        f"timestep {time_step(liquid, settings)!r}",
        "thermo_modify norm yes",
        "thermo 0",
    ]


def ensemble_commands(ensemble: Ensemble) -> tuple[list[str], list[str]]:
    """Commands that add the integrator of an ensemble, and those that remove it."""
    begin, end = [], ["unfix integrate"]
    match ensemble:
        case NVE():
            begin.append("fix integrate all nve")
        case NVT(start, stop, damping, sides):
            begin.append(f"fix integrate all nvt temp {start!r} {stop!r} {damping!r}")
            if sides is not None:
                change = " ".join(
                    f"{axis} final 0.0 {side!r}" for axis, side in zip("xyz", sides, strict=False)
                )
                begin.append(f"fix shrink all deform 1 {change} remap x")
                end.append("unfix shrink")
        case NPT(start, stop, damping, pressure, pressure_damping):
            begin.append(
                f"fix integrate all npt temp {start!r} {stop!r} {damping!r} "
                f"iso {pressure!r} {pressure!r} {pressure_damping!r}"
            )
    return begin, end


def minimise_commands(force_tolerance: float, iterations: int) -> list[str]:
    """Commands that minimise until the largest force on a particle is below a tolerance."""
    return [
        "min_style cg",
        "min_modify norm max",
        f"minimize 0.0 {force_tolerance!r} {iterations} {10 * iterations}",
    ]


def accelerator_arguments(settings: LammpsSettings) -> list[str]:
    """Command-line options that choose the accelerated styles."""
    if settings.suffix == "none":
        return []
    if settings.suffix == "omp":
        return ["-sf", "omp", "-pk", "omp", str(settings.threads)]
    if settings.suffix == "kk":
        return ["-k", "on", "t", str(settings.threads), "-sf", "kk"]
    return ["-sf", settings.suffix]


def time_step(liquid: Liquid, settings: LammpsSettings) -> float:
    """Return the time step: set, or else the liquid's own."""
    return settings.time_step or liquid.time_step
