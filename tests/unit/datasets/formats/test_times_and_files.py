"""Frames of a trajectory: which are kept, how they lie in files, who they are."""

import gzip
import logging

import gsd.fl
import gsd.hoomd
import numpy as np
import pytest
from format_writers import (
    collect,
    dump_text,
    gsd_frame,
    make_liquid,
    write_botan,
    write_dumps,
    write_gsd,
    write_xyz,
)
from typer.testing import CliRunner

from glasscast.cli import app
from glasscast.config import checked
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.formats.format import ReadOptions
from glasscast.datasets.formats.lammps_dump import FORMAT as DUMP
from glasscast.datasets.formats.registry import detect, read_ensembles, read_snapshot
from glasscast.errors import InputError, SettingsError
from glasscast.workflows.describe import describe
from glasscast.workflows.import_data import import_data


def read(folder, **options):
    (ensemble,) = read_ensembles(folder, options=ReadOptions(**options))
    return ensemble, collect(ensemble)


@pytest.mark.parametrize("write", [write_dumps, write_gsd, write_xyz])
@pytest.mark.parametrize("wanted", [2, (1.0, 100.0), (100.0, 1.0)])
def test_chosen_times_are_those_frames(tmp_path, write, wanted):
    liquid = make_liquid(times=(1.0, 3.0, 10.0, 30.0, 100.0))
    write(tmp_path, liquid)
    clock = {} if write is write_xyz else {"timestep": 0.01}
    ensemble, frames = read(tmp_path, times=wanted, **clock)
    np.testing.assert_allclose(ensemble.times, [1, 100])
    np.testing.assert_allclose(frames, liquid.runs[:, [0, 4]], atol=1e-5)


@pytest.mark.parametrize("wanted", [0, -3, [], [0.0], [1.0, float("inf")], ["x"], "soon", True])
def test_times_that_cannot_be(wanted):
    with pytest.raises(SettingsError, match="times"):
        checked(ReadOptions, {"times": wanted})
    for said, times in (([1, 2.5], (1.0, 2.5)), (2.5, (2.5,)), (20, 20)):
        assert checked(ReadOptions, {"times": said}).times == times


def test_frames_that_are_not_kept_are_not_parsed(tmp_path):
    """Their clocks and numbers of rows are checked all the same."""
    liquid = make_liquid(times=(1.0, 3.0, 10.0))
    write_dumps(tmp_path, liquid)
    path = tmp_path / "run1.dump"
    head, *frames = path.read_text().split("ITEM: TIMESTEP")
    frames[2] = frames[2].replace("xu yu zu\n1 1", "xu yu zu\n1 one")
    path.write_text("ITEM: TIMESTEP".join([head, *frames]))
    assert len(read(tmp_path, times=(1.0, 10.0), timestep=0.01)[1]) == 3
    with pytest.raises(InputError, match="'one' is no number"):
        read(tmp_path, times=(3.0,), timestep=0.01)
    rows = frames[2].splitlines()
    frames[2] = "\n".join([*rows[:-1], ""])
    path.write_text("ITEM: TIMESTEP".join([head, *frames]))
    with pytest.raises(InputError, match=r"run1\.dump: line "):
        read(tmp_path, times=(1.0, 10.0), timestep=0.01)


def test_times_of_published_files_and_times_that_are_not_there(tmp_path):
    liquid = make_liquid()
    for row, tag in ((0, 2), (1, 7)):
        write_botan(tmp_path, liquid, row, tag)
    (both,) = read_ensembles(tmp_path)
    (one,) = read_ensembles(tmp_path, options=ReadOptions(times=(float(both.times[1]),)))
    assert one.times.tolist() == both.times[1:].tolist()
    np.testing.assert_array_equal(collect(one), collect(both)[:, 1:])
    with pytest.raises(InputError, match="has no frame at time 5"):
        next(read_ensembles(tmp_path, options=ReadOptions(times=(5.0,))))


def test_a_trajectory_of_many_equal_spacings_is_thinned_and_that_is_said(tmp_path, caplog):
    liquid = make_liquid(size=30, runs=1, times=tuple(range(1, 101)))
    step = np.random.default_rng(0).normal(0, 0.05, liquid.runs.shape[1:]).cumsum(axis=0)
    liquid.runs = (liquid.start + step)[None]
    write_dumps(tmp_path / "in" / "c", liquid)
    with caplog.at_level(logging.WARNING, "glasscast"):
        data = import_data(tmp_path / "in", tmp_path / "out", options={"timestep": 0.01})
    assert "of the times 1 to 100 (100 times) at equal spacing, 20 log" in caplog.text
    assert len(data[0].times) == 20
    assert data.sources[0].model_dump()["times"] == {"found": 100, "kept": 20}
    rows = data[0].times.astype(int) - 1
    np.testing.assert_allclose(data[0].propensity, np.linalg.norm(step[rows], axis=-1), rtol=1e-5)
    assert dict(describe(tmp_path / "out"))["times"] == "1 to 100 (20 times)"
    every = import_data(
        tmp_path / "in", tmp_path / "every", options={"timestep": 0.01, "times": 100}
    )
    assert len(every[0].times) == 100


@pytest.mark.parametrize(
    ("said", "times"), [("2", [1, 100]), ("1,10", [1, 10]), ("10.0", [10]), ("100 1", [1, 100])]
)
def test_the_command_takes_times_or_their_number(tmp_path, said, times):
    write_xyz(tmp_path / "in" / "c", make_liquid(size=30, times=(1.0, 10.0, 100.0)))
    where = [str(tmp_path / "in"), str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, ["import", *where, "--times", said])
    assert outcome.exit_code == 0, outcome.output
    np.testing.assert_allclose(Dataset.open(tmp_path / "out").times, times)
    wrong = CliRunner().invoke(app, ["import", *where, "--times", "soon"])
    assert "'soon' are no times and no number of them" in str(wrong.exception)


@pytest.mark.parametrize("initial", [False, True])
def test_one_frame_a_file_is_told_with_the_command_that_joins_them(tmp_path, initial):
    liquid = make_liquid(runs=1)
    shown = [] if initial else [(0, liquid.start)]
    for time, frame in [*shown, *zip(liquid.times, liquid.runs[0], strict=True)]:
        text = dump_text(int(100 * time), frame, liquid.types, liquid.box)
        (tmp_path / f"dump.{int(100 * time)}.lammpstrj").write_text(text)
    if initial:
        text = dump_text(0, liquid.start, liquid.types, liquid.box)
        (tmp_path / "initial.dump").write_text(text)
    with pytest.raises(InputError, match=r"one frame a file: \d files, .*cat \$\(ls -v \*\.lammps"):
        read(tmp_path, timestep=0.01)


def test_a_compressed_parent_and_compressed_runs_make_one_configuration(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid, start=False)
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    (tmp_path / "initial.dump").write_text(text)
    for path in list(tmp_path.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    ensemble, frames = read(tmp_path, timestep=0.01)
    np.testing.assert_allclose(frames, liquid.runs)
    assert ensemble.sources[0].name == "initial.dump.gz"


def test_runs_of_one_time_are_not_one_frame_a_file(tmp_path):
    liquid = make_liquid(times=(1.0,))
    write_dumps(tmp_path, liquid, start=False)
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    (tmp_path / "initial.dump").write_text(text)
    np.testing.assert_allclose(read(tmp_path, timestep=0.01)[1], liquid.runs)


def write_gsd_frames(path, liquid, change):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gsd.hoomd.open(str(path), "w") as file:
        for k, frame in enumerate((liquid.start, *liquid.runs[0])):
            written = gsd_frame(100 * k, frame, liquid.types, liquid.box)
            change(k, written)
            file.append(written)


def test_frames_that_all_have_one_step(tmp_path):
    def no_step(_, frame):
        frame.configuration.step = None

    write_gsd_frames(tmp_path / "run1.gsd", make_liquid(runs=1), no_step)
    with pytest.raises(InputError, match="all 3 frames have step 0; write the step of each frame"):
        read(tmp_path, timestep=0.01)


@pytest.mark.parametrize("chunk", ["particles/id", "particles/Particle Identifier"])
def test_ids_of_gsd_files_sort_the_rows(tmp_path, chunk):
    liquid = make_liquid(runs=1)
    rng = np.random.default_rng(0)

    def shuffle(k, frame):
        order = rng.permutation(60)
        for key in ("position", "image", "typeid"):
            setattr(frame.particles, key, getattr(frame.particles, key)[order])
        frame.log[chunk] = order + 1

    write_gsd_frames(tmp_path / "run1.gsd", liquid, shuffle)
    ensemble, frames = read(tmp_path, timestep=0.01)
    np.testing.assert_array_equal(ensemble.parent.ids, np.arange(60) + 1)
    np.testing.assert_array_equal(ensemble.parent.types, liquid.types)
    np.testing.assert_allclose(frames, liquid.runs, atol=1e-5)


@pytest.mark.parametrize("said", [None, 2])
def test_flat_gsd_files_need_no_dimensions(tmp_path, said):
    liquid = make_liquid(dimension=2, runs=1)

    def forget(_, frame):
        if said is None:
            frame.configuration.dimensions = 3  # the default, which is not written

    write_gsd_frames(tmp_path / "run1.gsd", liquid, forget)
    np.testing.assert_allclose(read(tmp_path, timestep=0.01)[1], liquid.runs, atol=1e-5)


def test_a_gsd_file_that_claims_more_particles_than_it_has_bytes_for(tmp_path):
    path = tmp_path / "a.gsd"
    with gsd.fl.open(str(path), "w", "test", "hoomd", [1, 4]) as file:
        file.write_chunk("configuration/box", np.array([6, 6, 6, 0, 0, 0], np.float32))
        file.write_chunk("particles/N", np.array([1 << 30], np.uint32))
        file.write_chunk("particles/position", np.ones((20, 3), np.float32))
        file.end_frame()
    with pytest.raises(InputError, match=r"frame 0 claims 1073741824 particles, the file has \d+"):
        read_snapshot(path)


def label_text(text, labels):
    """A data file whose types have names."""
    names = "\n".join(f"{k + 1} {name}" for k, name in enumerate(labels))
    head, rows = text.split("Atoms # atomic\n\n")
    renamed = []
    for row in rows.splitlines():
        words = row.split()
        renamed.append(" ".join([words[0], labels[int(words[1]) - 1], *words[2:]]))
    section = f"Atom Type Labels\n\n{names}\n\n"
    return head + section + "Atoms # atomic\n\n" + "\n".join([*renamed, ""])


def data_text(liquid):
    rows = [
        f"{k + 1} {kind + 1} {x!r} {y!r} {z!r}"
        for k, (kind, (x, y, z)) in enumerate(zip(liquid.types, liquid.start.tolist(), strict=True))
    ]
    bounds = [f"0 {s!r} {a}lo {a}hi" for s, a in zip(liquid.box.tolist(), "xyz", strict=True)]
    return "\n".join(["title", "", "60 atoms", *bounds, "", "Atoms # atomic", "", *rows, ""])


@pytest.mark.parametrize(("labels", "flips"), [("AB", 0), ("BA", 1), (("Ni", "P"), 0)])
def test_labels_of_types(tmp_path, labels, flips):
    liquid = make_liquid()
    path = tmp_path / "a.data"
    path.write_text(label_text(data_text(liquid), labels))
    (read,) = read_snapshot(path)
    np.testing.assert_array_equal(read.types, np.abs(flips - liquid.types))
    path.write_text(path.read_text().replace(f"\n2 {labels[1]}\n", "\n2 other\n"))
    with pytest.raises(InputError, match="which no section 'Atom Type Labels' names"):
        read_snapshot(path)


def test_names_of_a_parent_stand_for_numbers_in_its_runs(tmp_path):
    liquid = make_liquid()
    write_dumps(tmp_path, liquid)
    (tmp_path / "initial.data").write_text(label_text(data_text(liquid), ("Ni", "P")))
    ensemble, frames = read(tmp_path, timestep=0.01)
    assert ensemble.parent.species == ("Ni", "P")
    np.testing.assert_allclose(frames, liquid.runs)


@pytest.mark.parametrize(
    ("tilt", "message"), [("0 0 0", ""), ("1e-12 0 -3e-9", ""), ("0 0.01 0", "tilted by 0.01")]
)
def test_a_tilt_of_rounding_size_is_none(tmp_path, tilt, message):
    liquid = make_liquid()
    data, dump = tmp_path / "a.data", tmp_path / "a.dump"
    data.write_text(data_text(liquid).replace("zlo zhi\n", f"zlo zhi\n{tilt} xy xz yz\n"))
    lines = dump_text(0, liquid.start, liquid.types, liquid.box).splitlines()
    lines[4] = "ITEM: BOX BOUNDS xy xz yz pp pp pp"
    for row, entry in zip((5, 6, 7), tilt.split(), strict=True):
        lines[row] += f" {entry}"
    dump.write_text("\n".join([*lines, ""]))
    for path in (data, dump):
        if message:
            with pytest.raises(InputError, match=message):
                read_snapshot(path)
        else:
            np.testing.assert_allclose(read_snapshot(path)[0].positions, liquid.start, atol=1e-7)


def test_names_in_the_type_column_of_a_dump(tmp_path):
    liquid = make_liquid()
    path = tmp_path / "a.dump"
    text = dump_text(0, liquid.start, liquid.types, liquid.box)
    head, rows = text.split("xu yu zu\n")
    named = ["AB"[int(row[0]) - 1] + row[1:] for row in rows.splitlines()]
    path.write_text(head + "xu yu zu\n" + "\n".join([*named, ""]))
    (frame,) = DUMP.read_frames(path)
    np.testing.assert_array_equal(frame.types, liquid.types)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.dump", b"LammpS RestartT\0", r"a LAMMPS restart file.*lmp -restart2data a\.dump a\.da"),
        ("a.gsd.x", b"CDF\x01....", r"NetCDF.*mdconvert a\.gsd\.x -o a\.gsd\.dcd"),
        ("a.xtc", b"\0\0\x07\xcb\0\0", "XTC of GROMACS"),
        ("a.traj", b"- of UlmASE-Traj", r"ASE.*ase convert -n : a\.traj a\.extxyz"),
        ("a.pdb", b"CRYST1    5.6\n", r"PDB.*ase convert"),
        ("a.h5", b"\x89HDF\r\n", "HDF5"),
        ("a.dump", b"LAMMPS (22 Jul 2025)\n", "the log of LAMMPS"),
        ("a.tar", b"\0" * 257 + b"ustar\0", r"tar xf a\.tar"),
        ("a.zip", b"PK\x05\x06" + b"\0" * 18, "zip archive|no known format"),
        ("a.poscar", b"KA\n1.0\n", "POSCAR"),
    ],
)
def test_known_files_that_are_not_read(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        detect(path)
