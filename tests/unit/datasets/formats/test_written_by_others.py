"""Files as ASE and gsd write them, against the arrays they were written from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np
import pytest
from format_writers import Liquid, gsd_frame, make_liquid

from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError

ELEMENTS = np.array(["Ni", "P"])


@dataclass(frozen=True)
class Case:
    """A way in which a program writes a trajectory, and what is to come of it.

    Parameters
    ----------
    write : writes the first run of a liquid into a folder.
    options : what is said at the import.
    refused : message, if it is not to be read.
    types : maps the species of the liquid to those that are to be read.
    """

    write: Callable[[Path, Liquid], None]
    options: dict[str, Any] = field(default_factory=lambda: {"timestep": 0.01})
    refused: str = ""
    types: tuple[int, int] = (0, 1)


def frames_of(liquid: Liquid) -> list[np.ndarray]:
    return [liquid.start, *liquid.runs[0]]


def steps_of(liquid: Liquid) -> list[int]:
    return [0, *(100 * liquid.times).astype(int).tolist()]


def by_gsd(change: Callable[[Any, int], None], **how: Any) -> Callable[[Path, Liquid], None]:
    def write(folder: Path, liquid: Liquid) -> None:
        with gsd.hoomd.open(str(folder / "run1.gsd"), "w") as file:
            for k, (step, place) in enumerate(
                zip(steps_of(liquid), frames_of(liquid), strict=True)
            ):
                frame = gsd_frame(step, place, liquid.types, liquid.box, **how)
                change(frame, k)
                file.append(frame)

    return write


def keep(_frame: Any, _k: int) -> None:
    """Change nothing."""


def static(frame: Any, k: int) -> None:
    """Leave out what does not change, as HOOMD does."""
    if k:
        frame.particles.typeid = frame.particles.types = frame.configuration.box = None


def images_at(first: bool) -> Callable[[Any, int], None]:
    def change(frame: Any, k: int) -> None:
        if (k == 0) != first:
            frame.particles.image = None

    return change


def shuffled(frame: Any, k: int) -> None:
    order = np.random.default_rng(k).permutation(frame.particles.N)
    for key in ("position", "image", "typeid"):
        setattr(frame.particles, key, getattr(frame.particles, key)[order])
    frame.log["particles/id"] = order


def other_particles(frame: Any, k: int) -> None:
    if k == 2:
        for key in ("position", "image", "typeid"):
            setattr(frame.particles, key, getattr(frame.particles, key)[1:])
        frame.particles.N -= 1


def set_box(*values: float) -> Callable[[Any, int], None]:
    def change(frame: Any, k: int) -> None:
        if k == 1:
            frame.configuration.box = np.asarray(frame.configuration.box) + values

    return change


def set_step(value: Callable[[int], int | None]) -> Callable[[Any, int], None]:
    def change(frame: Any, k: int) -> None:
        frame.configuration.step = value(k)

    return change


def swap_types(frame: Any, k: int) -> None:
    if k == 2:
        frame.particles.typeid = 1 - np.asarray(frame.particles.typeid)


def nan(frame: Any, k: int) -> None:
    if k == 2:
        frame.particles.position[4, 1] = np.nan


def extra_types(frame: Any, _k: int) -> None:
    frame.particles.typeid = np.asarray(frame.particles.typeid) + 1


def by_ase(
    name: str,
    how: str,
    *,
    symbols: tuple[str, str] = ("X", "X"),
    tilt: float = 0.0,
    pbc: bool | tuple[bool, bool, bool] = True,
    folded: bool = False,
    clock: str = "time",
    key: str = "type",
    ids: bool = False,
    frames: int = 9,
) -> Callable[[Path, Liquid], None]:
    def write(folder: Path, liquid: Liquid) -> None:
        ase = pytest.importorskip("ase")
        from ase.io import write as write_ase

        images = []
        for k, place in enumerate(frames_of(liquid)[:frames]):
            order = np.random.default_rng(k).permutation(60) if ids else np.arange(60)
            cell = np.diag(liquid.box)
            cell[1, 0] = tilt
            atoms = ase.Atoms(
                symbols=[symbols[kind] for kind in liquid.types[order]],
                positions=(np.mod(place, liquid.box) if folded else place)[order],
                cell=cell,
                pbc=pbc,
            )
            atoms.new_array(key, liquid.types[order] + 1)
            if ids:
                atoms.new_array("id", order + 1)
            time = 0.01 * steps_of(liquid)[k]
            atoms.info |= {clock: time if clock == "time" else steps_of(liquid)[k]}
            images.append(atoms)
        write_ase(str(folder / name), images, format=how)

    return write


STEPS, TIMES, FOLDED = {"timestep": 0.01}, {}, {"wrapped": True}
TABLE = {
    "gsd": Case(by_gsd(keep)),
    "gsd, what does not change once": Case(by_gsd(static)),
    "gsd, images in frame 0 alone": Case(by_gsd(images_at(first=False))),
    "gsd, images in later frames": Case(by_gsd(images_at(first=True))),
    "gsd without images": Case(by_gsd(keep, with_images=False)),
    "gsd, names swapped": Case(by_gsd(keep, names=("B", "A")), types=(1, 0)),
    "gsd, elements": Case(by_gsd(keep, names=("Ni", "P"))),
    "gsd, numbers": Case(by_gsd(keep, names=("1", "2"))),
    "gsd, third name unused": Case(by_gsd(keep, names=("A", "B", "C"))),
    "gsd, types without names": Case(by_gsd(extra_types), refused="has no name among"),
    "gsd, rows shuffled with ids": Case(by_gsd(shuffled)),
    "gsd, particle lost": Case(by_gsd(other_particles), refused=r"\(59, 3\), the initial"),
    "gsd, box changes": Case(by_gsd(set_box(0.1, 0, 0, 0, 0, 0)), refused="the box changes"),
    "gsd, tilted": Case(by_gsd(set_box(0, 0, 0, 0.1, 0, 0)), refused="box, tilted by 0.1"),
    "gsd, tilt of rounding": Case(by_gsd(set_box(0, 0, 0, 1e-9, 0, 0))),
    "gsd, no steps": Case(by_gsd(set_step(lambda k: None)), refused="all 3 frames have step 0"),
    "gsd, one step": Case(by_gsd(set_step(lambda k: 7)), refused="all 3 frames have step 7"),
    "gsd, steps fall": Case(by_gsd(set_step(lambda k: (0, 9, 5)[k])), refused="goes from 0.09 to"),
    "gsd, clock of its own": Case(by_gsd(set_step(lambda k: 5000 + (0, 100, 1000)[k]))),
    "gsd, species change": Case(by_gsd(swap_types), refused="another type than initially"),
    "gsd, not a number": Case(by_gsd(nan), refused="not finite for particle 4"),
    "gsd, step not said": Case(by_gsd(keep), TIMES, refused="give the time of one step"),
    "extxyz": Case(by_ase("a.xyz", "extxyz"), TIMES),
    "extxyz, steps": Case(by_ase("a.extxyz", "extxyz", clock="step"), STEPS),
    "extxyz, key types": Case(by_ase("a.xyz", "extxyz", key="types"), TIMES),
    "extxyz, no type": Case(by_ase("a.xyz", "extxyz", key="kind"), TIMES, refused="species X"),
    "extxyz, elements beside types": Case(by_ase("a.xyz", "extxyz", symbols=("Ni", "P")), TIMES),
    "extxyz, elements alone": Case(
        by_ase("a.xyz", "extxyz", symbols=("Ni", "P"), key="kind"),
        TIMES,
        refused="species 'Ni'",
    ),
    "extxyz, shuffled with ids": Case(by_ase("a.xyz", "extxyz", ids=True), TIMES),
    "extxyz, folded": Case(by_ase("a.xyz", "extxyz", folded=True), TIMES, refused="lost their per"),
    "extxyz, folded, said": Case(by_ase("a.xyz", "extxyz", folded=True), FOLDED),
    "extxyz, open": Case(by_ase("a.xyz", "extxyz", pbc=False), TIMES, refused="not periodic"),
    "extxyz, half open": Case(
        by_ase("a.xyz", "extxyz", pbc=(True, True, False)), TIMES, refused="not periodic"
    ),
    "extxyz, tilted": Case(by_ase("a.xyz", "extxyz", tilt=0.2), TIMES, refused="triclinic box"),
    "extxyz, tilt of rounding": Case(by_ase("a.xyz", "extxyz", tilt=1e-10), TIMES),
    "extxyz, no clock": Case(
        by_ase("a.xyz", "extxyz", clock="moment"), TIMES, refused="write time= into each frame"
    ),
    "extxyz, one frame": Case(
        by_ase("a.xyz", "extxyz", frames=1), TIMES, refused="no frame after the initial one"
    ),
    "xyz": Case(by_ase("a.xyz", "xyz"), TIMES, refused="XYZ without a box"),
    "traj": Case(by_ase("a.traj", "traj"), TIMES, refused=r"ase convert -n : a\.traj a\.extxyz"),
    "pdb": Case(by_ase("a.pdb", "proteindatabank"), TIMES, refused="PDB, which is not read; ase"),
    "cif": Case(by_ase("a.cif", "cif", frames=1), TIMES, refused="CIF, which is not read; ase"),
    "gro": Case(by_ase("a.gro", "gromacs", frames=1), TIMES, refused="GRO of GROMACS"),
    "poscar": Case(by_ase("a.poscar", "vasp", frames=1), TIMES, refused="POSCAR, which is not"),
    "json": Case(by_ase("a.json", "json"), TIMES, refused="is of no known format"),
    "data": Case(by_ase("a.data", "lammps-data", frames=1), TIMES, refused="is a bare snapshot"),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.filterwarnings("ignore::UserWarning:ase")
def test_trajectories(tmp_path, name):
    case, liquid = TABLE[name], make_liquid(runs=1)
    case.write(tmp_path, liquid)
    (path,) = tmp_path.iterdir()
    options = ReadOptions(**case.options)
    if case.refused:
        with pytest.raises(InputError, match=case.refused):
            list(next(read_ensembles(path, options=options)).frames())
        return
    (ensemble,) = read_ensembles(path, options=options)
    read = reduce_ensemble(ensemble)
    truth = np.linalg.norm(liquid.runs[0] - liquid.start, axis=-1)
    np.testing.assert_allclose(read.times, liquid.times)
    np.testing.assert_allclose(read.propensity, truth, atol=1e-5)
    np.testing.assert_array_equal(read.types, np.array(case.types)[liquid.types])


def test_data_files_of_ase(tmp_path):
    liquid = make_liquid(runs=1)
    by_ase("a.data", "lammps-data", symbols=("Ni", "P"), frames=1)(tmp_path, liquid)
    (read,) = read_snapshot(tmp_path / "a.data")
    np.testing.assert_allclose(read.positions, liquid.start, atol=1e-6)
    np.testing.assert_array_equal(read.types, liquid.types)
