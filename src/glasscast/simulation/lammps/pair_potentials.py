"""Pair potentials as LAMMPS commands: a style of its own where there is one, else a table."""

from __future__ import annotations

import numpy as np

from glasscast.errors import SettingsError
from glasscast.liquid.interactions import Liquid
from glasscast.liquid.potentials import Harmonic, LennardJonesCut, LennardJonesForceShifted

#: Name of the table file beside an input script.
TABLE_FILE = "pair.table"
_STYLES: dict[type, str] = {
    LennardJonesForceShifted: "lj/smooth/linear",
    LennardJonesCut: "lj/cut",
    Harmonic: "harmonic/cut",
}
_POINTS = 20000  # spline error below 1e-12 of the energies that occur
_MOST_TABLES = 300  # those of 24 species: half a gigabyte in LAMMPS


def needs_table(liquid: Liquid) -> bool:
    """Whether LAMMPS has no pair style for this potential."""
    return type(liquid.potential) not in _STYLES


def check_tables(liquid: Liquid) -> None:
    """Refuse more species than tables for all their pairs fit into memory.

    Raises
    ------
    SettingsError : saying how many tables it takes.
    """
    tables = len(_pairs(liquid))
    if needs_table(liquid) and tables > _MOST_TABLES:
        raise SettingsError(
            f"LAMMPS would need {tables} tables for the {len(liquid.species)} species of "
            f"{liquid.name}; {_MOST_TABLES} (24 species) fit into memory",
            "liquid",
        )


def pair_commands(liquid: Liquid, table: str = TABLE_FILE) -> list[str]:
    """Commands that set the pair potential.

    Tabulated potentials use cubic splines in the squared distance; an expression evaluated at run
    time (``pair_style lepton``) is no more exact in practice and eight times slower.

    Parameters
    ----------
    table : path of the file that :func:`pair_table` is written to.
    """
    if needs_table(liquid):
        style = f"table spline {_POINTS}"
    else:
        style = _STYLES[type(liquid.potential)]
        if not isinstance(liquid.potential, Harmonic):
            style += f" {liquid.longest_cutoff!r}"
    return [
        f"pair_style {style}",
        *(
            f"pair_coeff {a + 1} {b + 1} {_arguments(liquid, a, b, table)}"
            for a, b in _pairs(liquid)
        ),
    ]


def _arguments(liquid: Liquid, a: int, b: int, table: str) -> str:
    """Return what LAMMPS is told of one pair."""
    epsilon, sigma = float(liquid.epsilon[a, b]), float(liquid.sigma[a, b])
    cutoff = float(liquid.cutoff[a, b])
    if needs_table(liquid):
        return f"{table} {_keyword(a, b)} {cutoff!r}"
    if isinstance(liquid.potential, Harmonic):
        return f"{epsilon / (2 * sigma**2)!r} {cutoff!r}"
    return f"{epsilon!r} {sigma!r} {cutoff!r}"


def pair_table(liquid: Liquid) -> str:
    """Energies and forces of every pair of species, as a LAMMPS table file.

    Raises
    ------
    SettingsError : as :func:`check_tables`.
    """
    check_tables(liquid)
    blocks = []
    for a, b in _pairs(liquid):
        outer, inner = float(liquid.cutoff[a, b]), float(liquid.core[a, b])
        distances = np.maximum(np.sqrt(np.linspace(inner**2, outer**2, _POINTS)), inner)
        # values at the cutoff itself, not the zero beyond it, or the last spline would bend
        distances[-1] = np.nextafter(outer, 0)
        energy = liquid.pair_energy(distances, a, b).tolist()
        force = liquid.pair_force(distances, a, b).tolist()
        rows = (
            f"{k} {r!r} {u!r} {f!r}"
            for k, (r, u, f) in enumerate(zip(distances.tolist(), energy, force, strict=True), 1)
        )
        head = f"{_keyword(a, b)}\nN {_POINTS} RSQ {inner!r} {outer!r}\n"
        blocks.append(head + "\n" + "\n".join(rows) + "\n")
    return f"# {liquid.name}\n\n" + "\n".join(blocks)


def _pairs(liquid: Liquid) -> list[tuple[int, int]]:
    count = len(liquid.species)
    return [(a, b) for a in range(count) for b in range(a, count)]


def _keyword(a: int, b: int) -> str:
    return f"PAIR{a + 1}_{b + 1}"
